// HTML by template: whatever is put into html`...` is escaped, unless it is HTML made the same way; lists are joined,
// null and false leave nothing. So names and labels out of files cannot become markup anywhere.

export class Html {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

export type Part = Html | string | number | null | false | readonly Part[];

const named: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

/** Text for HTML, between tags or in a quoted attribute; control characters become U+FFFD. */
export const escapeHtml = (text: string): string =>
  text.replace(/(?![\t\n\r])[\p{Cc}\p{Cs}]/gu, '\ufffd').replace(/[&<>"']/g, (c) => named[c]);

function written(part: Part): string {
  if (part === null || part === false) return '';
  if (part instanceof Html) return part.text;
  if (typeof part === 'object') return part.map(written).join('');
  return escapeHtml(`${part}`);
}

export function html(strings: TemplateStringsArray, ...parts: Part[]): Html {
  return new Html(strings.map((text, i) => text + (i < parts.length ? written(parts[i]) : '')).join(''));
}

/** A file's name that may break behind its separators, so that a narrow column does not break it in mid-word. */
export const breakable = (name: string): Html =>
  new Html(escapeHtml(name).replace(/[_/-]+(?=[^_/-])/g, (gap) => `${gap}<wbr>`));

/** Text that is HTML, SVG, a style sheet or a script already. */
export const trusted = (text: string): Html => new Html(text);

/** A value for a script element of type application/json. */
export const json = (value: unknown): Html => new Html(JSON.stringify(value).replace(/</g, '\\u003c'));

export const dataUri = (type: string, bytes: Uint8Array): string =>
  `data:${type};base64,${Buffer.from(bytes).toString('base64')}`;
