/**
 * How a text may stand in the bytes of a record: in UTF-8 or UTF-16, in lower or upper case, within JSON or an
 * address, in hex, or within a longer text in base64. An Avro string is UTF-8.
 */
export function spellings(value: string): readonly Buffer[] {
  const cases = [value, value.toLowerCase(), value.toUpperCase()];
  const texts = new Set(cases);
  for (const text of cases) {
    texts.add(JSON.stringify(text).slice(1, -1));
    texts.add(escaped(text));
    texts.add(encodeURIComponent(text));
  }
  const plain = [...texts].map((text) => Buffer.from(text));
  const own = Buffer.from(value);
  return distinct([
    ...plain,
    Buffer.from(value, 'utf16le'),
    Buffer.from(own.toString('hex')),
    Buffer.from(own.toString('hex').toUpperCase()),
    ...base64Within(own),
  ]);
}

/** JSON as some write it, with nothing in it but ASCII. */
const escaped = (text: string): string =>
  JSON.stringify(text)
    .slice(1, -1)
    .replaceAll(
      /[\u0080-\uffff]/g,
      (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
    );

/**
 * What base64 makes of bytes, wherever in a longer text they stand: three alignments, each without the letters
 * that tell of their neighbours too.
 */
function base64Within(bytes: Buffer): readonly Buffer[] {
  return [0, 1, 2].flatMap((before) => {
    const whole = Buffer.concat([Buffer.alloc(before), bytes]);
    const from = Math.ceil((before * 8) / 6);
    const to = Math.floor((whole.length * 8) / 6);
    return (['base64', 'base64url'] as const).map((form) =>
      Buffer.from(whole.toString(form).slice(from, to)),
    );
  });
}

const distinct = (all: readonly Buffer[]): readonly Buffer[] => [
  ...new Map(all.map((bytes) => [bytes.toString('latin1'), bytes])).values(),
];
