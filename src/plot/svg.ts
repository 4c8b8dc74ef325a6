// SVG as text. An element is a tag, attributes and children already written; numbers are rounded to a hundredth of a
// pixel. Everything is said by attributes: no style sheet and no id, so that any number of pictures can be put into one
// HTML page. Pictures bring their own white paper and read the same on a dark page.
import { ink } from './colours.ts';

type Attributes = Record<string, string | number>;

/** Family of all text: the reader's own in a browser, the bundled PT Sans where we draw it ourselves. */
const fontFamily = "system-ui, 'PT Sans', sans-serif";

const named: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

/** Text for XML; control characters and others that XML 1.0 forbids become U+FFFD. */
export function escapeXml(text: string): string {
  return text
    .replace(/(?![\t\n\r])[\p{Cc}\p{Cs}\ufffe\uffff]/gu, '\ufffd')
    .replace(/[&<>"]/g, (character) => named[character]);
}

function attribute(name: string, value: string | number): string {
  if (typeof value === 'string') return `${name}="${escapeXml(value)}"`;
  if (!Number.isFinite(value)) throw new Error(`svg: ${name} is ${value}; coordinates must be finite`);
  return `${name}="${Math.round(100 * value) / 100}"`;
}

/** One element. Strings in attributes are escaped; children must be written by these functions. */
export function element(tag: string, attributes: Attributes, ...children: string[]): string {
  const start = [tag, ...Object.entries(attributes).map(([name, value]) => attribute(name, value))].join(' ');
  return children.length === 0 ? `<${start}/>` : `<${start}>${children.join('')}</${tag}>`;
}

/** A line of text with its baseline at (x, y), 12 px unless told otherwise. */
export function text(x: number, y: number, content: string, attributes: Attributes = {}): string {
  return element('text', { x, y, 'font-size': 12, fill: ink.text, ...attributes }, escapeXml(content));
}

/** A whole picture on white paper; `title` is what screen readers say. */
export function svgDocument(width: number, height: number, title: string, ...children: string[]): string {
  return element(
    'svg',
    {
      xmlns: 'http://www.w3.org/2000/svg',
      width,
      height,
      viewBox: `0 0 ${width} ${height}`,
      'font-family': fontFamily,
      role: 'img',
    },
    element('title', {}, escapeXml(title)),
    element('rect', { width, height, rx: 6, fill: ink.paper }),
    ...children,
  );
}

const widths: [RegExp, number][] = [
  [/[ijlt.,:;|!'()[\]fr -]/, 0.34],
  [/[mwMW@%—]/, 0.88],
  [/[A-ZА-Я]/, 0.65],
  [/[\u1100-\uffff]/, 1],
];

/** About how wide a text is, in the units of its size; a little too much rather than too little. */
export function textWidth(content: string, size: number): number {
  let ems = 0;
  for (const c of content) ems += widths.find(([pattern]) => pattern.test(c))?.[1] ?? 0.57;
  return ems * size;
}

/** The text, cut and ended by an ellipsis where it is wider than `width`. */
export function shorten(content: string, size: number, width: number): string {
  if (textWidth(content, size) <= width) return content;
  const characters = [...content];
  while (characters.length > 1 && textWidth(`${characters.join('')}…`, size) > width) characters.pop();
  return `${characters.join('')}…`;
}
