// The one comparison of all numeric tests: |got - want| <= relative |want| + ofRms rms(want), and NaN equals only NaN.
// And equality of names and shapes, for checks that also run where no test runner is.

export interface Tolerance {
  relative: number;
  ofRms: number;
}

export function closeTo(
  got: ArrayLike<number>,
  want: ArrayLike<number>,
  tolerance: Tolerance,
  what: string,
): void {
  if (got.length !== want.length) throw new Error(`${what}: ${got.length} values, expected ${want.length}`);
  let squares = 0;
  for (let i = 0; i < want.length; i++) if (Number.isFinite(want[i])) squares += want[i] * want[i];
  const floor = tolerance.ofRms * Math.sqrt(squares / want.length);
  let worst = 0;
  let at = -1;
  for (let i = 0; i < want.length; i++) {
    if (Number.isNaN(want[i]) && Number.isNaN(got[i])) continue;
    if (got[i] === want[i]) continue;
    const distance = Number.isFinite(want[i]) ? Math.abs(got[i] - want[i]) : Number.NaN;
    const error = distance / (tolerance.relative * Math.abs(want[i]) + floor);
    if (!(error <= worst)) {
      worst = Number.isNaN(error) ? Number.POSITIVE_INFINITY : error;
      at = i;
    }
  }
  if (worst > 1)
    throw new Error(
      `${what}: element ${at} is ${got[at]}, expected ${want[at]} (${worst.toFixed(1)} times the tolerance)`,
    );
}

/** Equality of what JSON can say. */
export function equalTo(got: unknown, want: unknown, what: string): void {
  const [a, b] = [got, want].map((value) => JSON.stringify(value));
  if (a !== b) throw new Error(`${what}: ${a}, expected ${b}`);
}
