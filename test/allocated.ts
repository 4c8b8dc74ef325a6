// How many bytes of array memory a call asks for: while it runs, the constructors of buffers and typed arrays are
// replaced by ones that count. Views into a buffer count nothing; copies made by a method (slice, map, from) do.

const TYPED = [
  ...[
    'Int8Array',
    'Uint8Array',
    'Uint8ClampedArray',
    'Int16Array',
    'Uint16Array',
    'Int32Array',
    'Uint32Array',
  ],
  ...['Float32Array', 'Float64Array', 'BigInt64Array', 'BigUint64Array'],
];

type Constructor = new (...args: unknown[]) => { byteLength: number; buffer?: unknown };

/** Bytes that `run` allocates in ArrayBuffers, one after another, also those that it has let go by its end. */
export function allocatedBy(run: () => void): number {
  const scope = globalThis as unknown as Record<string, Constructor>;
  let total = 0;
  const originals = new Map<string, Constructor>();
  const { slice } = Uint8Array.prototype;
  const typed = Object.getPrototypeOf(Uint8Array.prototype);
  for (const name of ['ArrayBuffer', ...TYPED]) {
    const original = scope[name];
    originals.set(name, original);
    scope[name] = new Proxy(original, {
      construct(target, args, newTarget) {
        const made = Reflect.construct(target, args, newTarget);
        if (made.buffer === undefined || made.buffer !== args[0]) total += made.byteLength;
        return made;
      },
    });
  }
  typed.slice = function (this: Uint8Array, ...args: [number?, number?]) {
    const made = slice.apply(this, args);
    total += made.byteLength;
    return made;
  };
  try {
    run();
  } finally {
    for (const [name, original] of originals) scope[name] = original;
    typed.slice = slice;
  }
  return total;
}
