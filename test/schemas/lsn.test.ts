import fc from 'fast-check';
import { expect, test } from 'vitest';
import { lsnText, parseLsn } from '../../schemas/lsn.ts';

test('an LSN is read back from its text as it was', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (lsn) => {
      expect(parseLsn(lsnText(lsn))).toBe(lsn);
    }),
  );
});

const cases = [
  { text: '0/0', lsn: 0n },
  { text: '16/B374D1C8', lsn: 0x16_b374_d1c8n },
  { text: '1/A', lsn: 0x1_0000_000an },
  { text: 'FFFFFFFF/FFFFFFFF', lsn: 2n ** 64n - 1n },
] as const;

for (const { text, lsn } of cases)
  test(`${text} as PostgreSQL prints it`, () => {
    expect(lsnText(lsn)).toBe(text);
    expect(parseLsn(text.toLowerCase())).toBe(lsn);
  });

for (const text of ['', '1', '1/', '/1', '1/2/3', 'G/0', '123456789/0', ' 1/2', '-1/2'])
  test(`${JSON.stringify(text)} is no LSN`, () => {
    expect(() => parseLsn(text)).toThrow('not an LSN');
  });
