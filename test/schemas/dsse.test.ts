import { createPublicKey, verify } from 'node:crypto';
import { expect, test } from 'vitest';
import { envelope, openEnvelope, preAuthentication } from '../../schemas/dsse.ts';
import { signingKey } from '../../schemas/signing-key.ts';

// The example of DSSE's protocol.md.
const type = 'http://example.com/HelloWorld';
const body = Buffer.from('hello world');
const published = {
  x: 46950820868899156662930047687818585632848591499744589407958293238635476079160n,
  y: 5640078356564379163099075877009565129882514886557779369047442380624545832820n,
  sig: 'A3JqsQGtVsJ2O2xqrI5IcnXip5GToJ3F+FnZ+O88SjtR6rDAajabZKciJTfUiHqJPcIAriEGAHTVeCUjW2JIZA==',
};

test('what is signed is what protocol.md says, byte for byte', () => {
  expect(preAuthentication(type, body).toString()).toBe(
    'DSSEv1 29 http://example.com/HelloWorld 11 hello world',
  );
  expect(preAuthentication('é', Buffer.from('ü')).toString()).toBe('DSSEv1 2 é 2 ü');
});

test('the signature that protocol.md publishes is one of what we would sign', () => {
  const coordinate = (value: bigint) =>
    Buffer.from(value.toString(16).padStart(64, '0'), 'hex').toString('base64url');
  const { x, y } = published;
  const key = createPublicKey({
    key: { kty: 'EC', crv: 'P-256', x: coordinate(x), y: coordinate(y) },
    format: 'jwk',
  });
  const signed = { key, dsaEncoding: 'ieee-p1363' } as const;
  const signature = Buffer.from(published.sig, 'base64');
  expect(verify('sha256', preAuthentication(type, body), signed, signature)).toBe(true);
});

const key = signingKey('11'.repeat(32));
const other = signingKey('22'.repeat(32));
const trusted = new Map([[key.id, key]]);

test('an envelope opens with the key that signed it, and is the same bytes every time', () => {
  const written = envelope(type, body, key);
  expect(envelope(type, body, key)).toEqual(written);
  const opened = openEnvelope(written, type, trusted);
  expect('body' in opened && opened.body).toEqual(body);
});

const forged = (change: (written: Record<string, unknown>) => void): Buffer => {
  const written = JSON.parse(envelope(type, body, key).toString()) as Record<string, unknown>;
  change(written);
  return Buffer.from(JSON.stringify(written));
};

const cases: readonly (readonly [string, Buffer, RegExp])[] = [
  ['another body', forged((e) => (e['payload'] = 'aGk=')), /does not fit/],
  ['another type', forged((e) => (e['payloadType'] = 'text/plain')), /payload type/],
  ['no signature', forged((e) => (e['signatures'] = [])), /no key that is trusted/],
  ['a key nobody trusts', envelope(type, body, other), /no key that is trusted/],
  [
    'a key that only says that it is the trusted one',
    forged((e) => {
      const { signatures } = JSON.parse(envelope(type, body, other).toString()) as {
        signatures: { sig: string }[];
      };
      e['signatures'] = [{ keyid: key.id, sig: signatures[0]!.sig }];
    }),
    /does not fit/,
  ],
  ['no JSON', Buffer.from('{'), /no DSSE envelope/],
  ['another form', Buffer.from('{"payload":1}'), /no DSSE envelope/],
];

for (const [what, written, fault] of cases)
  test(`an envelope with ${what} does not open`, () => {
    const opened = openEnvelope(written, type, trusted);
    expect('fault' in opened && opened.fault).toMatch(fault);
  });
