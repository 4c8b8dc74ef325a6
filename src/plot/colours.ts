// Colours. Spectrograms: matplotlib's magma, as a polynomial of degree 6 per channel (Matt Zucker's fit, public domain)
// in a table of 256, from black over purple and orange to pale yellow. Classes: Petroff's ten (arXiv 2107.02270), chosen
// so that they differ for the colour-blind too and in lightness; more classes take another mark. Curves: three of
// Okabe and Ito's. A test holds all of them apart as people with red, green or blue deficiency see them.

export type Colour = readonly [red: number, green: number, blue: number];

// Coefficients of red, green and blue, highest power first.
const magmaRows: readonly Colour[] = [
  [18.65570506591883, -11.48977351997711, -5.601961508734096],
  [-50.76852536473588, 29.04658282127291, 4.23415299384598],
  [52.17613981234068, -27.94360607168351, 12.94416944238394],
  [-27.66873308576866, 14.26473078096533, -13.64921318813922],
  [8.353717279216625, -3.577719514958484, 0.3144679030132573],
  [0.2516605407371642, 0.6775232436837668, 2.494026599312351],
  [-0.002136485053939582, -0.000749655052795221, -0.005386127855323933],
];
const notANumber: Colour = [0, 255, 0];
const magmaTable: readonly Colour[] = Array.from({ length: 256 }, (_, i) => magma(i / 255));

function magma(v: number): Colour {
  const sums = [0, 1, 2].map((channel) => magmaRows.reduce((sum, row) => sum * v + row[channel], 0));
  const [red, green, blue] = sums.map((x) => Math.min(255, Math.max(0, Math.round(255 * x))));
  return [red, green, blue];
}

const level = (value: number) => Math.round(255 * Math.min(1, Math.max(0, value)));

/** The colour of a spectrogram's value: 0 is black, 1 pale yellow; values beyond are clipped, NaN is green. */
export function colourOf(value: number): Colour {
  return Number.isNaN(value) ? notANumber : magmaTable[level(value)];
}

/** The grey of a pixel's value: 0 is black, 1 white; values beyond are clipped, NaN is green. */
export function greyOf(value: number): Colour {
  if (Number.isNaN(value)) return notANumber;
  const grey = level(value);
  return [grey, grey, grey];
}

export const classColours = [
  '#3f90da',
  '#ffa90e',
  '#bd1f01',
  '#94a4a2',
  '#832db6',
  '#a96b59',
  '#e76300',
  '#b9ac70',
  '#717581',
  '#92dadd',
] as const;

export const splitColours = { train: '#0072b2', valid: '#e69f00', test: '#d55e00' } as const;

export const ink = {
  text: '#1f2328',
  soft: '#59636e',
  line: '#c4cad1',
  grid: '#e6e9ec',
  paper: '#ffffff',
} as const;
