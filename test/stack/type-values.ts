import fc from 'fast-check';

/** Texts of any value of a type, as its input function reads them. */
interface AnyValue {
  readonly type: string;
  readonly value: fc.Arbitrary<string>;
}

const pad = (value: number, width: number) => `${value}`.padStart(width, '0');

const digits = (most: number) =>
  fc.array(fc.nat(9), { minLength: 1, maxLength: most }).map((each) => each.join(''));

const bits = new DataView(new ArrayBuffer(8));
const float8 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map((each) => {
  bits.setBigUint64(0, each);
  return `${bits.getFloat64(0)}`;
});
const float4 = fc.nat(0xffff_ffff).map((each) => {
  bits.setUint32(0, each);
  return `${bits.getFloat32(0)}`; // More digits than a float has: the server rounds them.
});

/** Powers of two and their neighbours: floats lie closer below them than above. */
const nearPower = fc
  .tuple(fc.integer({ min: 1, max: 254 }), fc.integer({ min: -2, max: 2 }))
  .map(([exponent, step]) => {
    bits.setUint32(0, (exponent << 23) + step);
    return `${bits.getFloat32(0)}`;
  });

const numeric = fc
  .tuple(fc.boolean(), digits(60), fc.option(digits(60)))
  .map(
    ([negative, whole, part]) => `${negative ? '-' : ''}${whole}${part === null ? '' : `.${part}`}`,
  );

const decimal = fc
  .tuple(fc.boolean(), digits(16), digits(4))
  .map(([negative, whole, part]) => `${negative ? '-' : ''}${whole}.${part}`);

const wide = fc
  .tuple(fc.boolean(), digits(28), digits(10))
  .map(([negative, whole, part]) => `${negative ? '-' : ''}${whole}.${part}`);

/** Days by their number in the server's own calendar, most of them in our time. */
const day = fc.oneof(
  fc.integer({ min: -60_000, max: 80_000 }),
  fc.integer({ min: -2_451_545, max: 106_741_034 }),
);
const date = day.map((each) => `J${each + 2_451_545}`);
const clock = fc
  .tuple(fc.nat(86_399), fc.oneof(fc.constant(0), fc.nat(999_999)))
  .map(([second, micros]) => {
    const time = [second / 3_600, (second / 60) % 60, second % 60].map((each) =>
      pad(Math.floor(each), 2),
    );
    return `${time.join(':')}.${pad(micros, 6)}`;
  });
const moment = fc.tuple(date, clock).map(([each, time]) => `${each} ${time}`);

const text = fc.string({ unit: 'binary' }).map((each) => each.replaceAll('\0', ''));
const quoted = (each: string | null) =>
  each === null ? 'NULL' : `"${each.replaceAll(/["\\]/g, '\\$&')}"`;

/** Types whose values are too many for a table of edges. */
export const anyValues: readonly AnyValue[] = [
  {
    type: 'bigint',
    value: fc
      .bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
      .chain((each) => fc.nat(62).map((shift) => `${each >> BigInt(shift)}`)),
  },
  { type: 'xid8', value: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map(String) },
  { type: 'real', value: fc.oneof(float4, nearPower) },
  { type: 'double precision', value: float8 },
  { type: 'point', value: fc.tuple(float8, float8).map((each) => `(${each.join(',')})`) },
  { type: 'numeric', value: numeric },
  { type: 'numeric(20,4)', value: decimal },
  { type: 'numeric(38,10)', value: wide },
  { type: 'date', value: date },
  { type: 'time without time zone', value: clock },
  { type: 'timestamp without time zone', value: moment },
  { type: 'timestamp with time zone', value: moment },
  {
    type: 'interval',
    value: fc
      .tuple(
        fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 2 }),
        fc.integer({ min: -(2 ** 31) + 1, max: 2 ** 31 - 2 }),
        fc.bigInt({ min: -(2n ** 62n), max: 2n ** 62n }),
      )
      .map(([months, days, micros]) => `${months} months ${days} days ${micros} microseconds`),
  },
  {
    type: 'inet',
    value: fc
      .tuple(
        fc.array(fc.oneof(fc.constant(0), fc.nat(0xffff)), { minLength: 8, maxLength: 8 }),
        fc.nat(128),
      )
      .map(([words, mask]) => `${words.map((each) => each.toString(16)).join(':')}/${mask}`),
  },
  { type: 'text', value: text },
  {
    type: 'bytea',
    value: fc.uint8Array().map((each) => `\\x${Buffer.from(each).toString('hex')}`),
  },
  { type: 'bit varying', value: fc.array(fc.nat(1)).map((each) => each.join('')) },
  {
    type: 'text[]',
    value: fc.array(fc.option(text)).map((each) => `{${each.map(quoted).join(',')}}`),
  },
  {
    type: 'tstzrange',
    value: fc.tuple(moment, moment).map(([lower, upper]) => {
      const [low = '', high = ''] = [lower, upper].toSorted(byDay);
      return `["${low}","${high}")`;
    }),
  },
  {
    type: 'hstore',
    value: fc.dictionary(text, fc.option(text)).map((each) =>
      Object.entries(each)
        .map(([key, value]) => `${quoted(key)}=>${quoted(value)}`)
        .join(','),
    ),
  },
];

const byDay = (a: string, b: string): number => {
  const [dayA = '', timeA = ''] = a.slice(1).split(' ');
  const [dayB = '', timeB = ''] = b.slice(1).split(' ');
  return Number(dayA) - Number(dayB) || (timeA < timeB ? -1 : 1);
};
