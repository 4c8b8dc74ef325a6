// Tar archives written for tests, true or not: entries by POSIX's ustar, whose fields can be made to lie.

interface Lies {
  prefix?: string;
  link?: string;
  /** The size field as text. */
  size?: string;
  /** Added to the sum of the header. */
  sum?: number;
}

/** A header and its padded content. */
export function entry(name: string, content: string | Uint8Array, type = '0', lies: Lies = {}): Uint8Array {
  const data = Buffer.from(content);
  const header = Buffer.alloc(512);
  header.write(name, 0, 100);
  header.write('0000644\0', 100);
  header.write(`${lies.size ?? data.length.toString(8).padStart(11, '0')}\0`, 124);
  header.write('00000000000\0', 136);
  header.write('        ', 148);
  header.write(type, 156);
  header.write(lies.link ?? '', 157, 100);
  header.write('ustar\x0000', 257, 'latin1');
  header.write(lies.prefix ?? '', 345, 155);
  const sum = header.reduce((a, b) => a + b, 0) + (lies.sum ?? 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return Buffer.concat([header, data, Buffer.alloc((512 - (data.length % 512)) % 512)]);
}

/** A record of a pax header, whose length counts itself. */
export function pax(key: string, value: string): Uint8Array {
  const rest = Buffer.from(` ${key}=${value}\n`);
  let length = rest.length + 1;
  while (`${length}`.length + rest.length !== length) length = `${length}`.length + rest.length;
  return Buffer.concat([Buffer.from(`${length}`), rest]);
}

/** The whole archive with its end mark. */
export function tarOf(...entries: Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat([...entries, Buffer.alloc(1024)]));
}
