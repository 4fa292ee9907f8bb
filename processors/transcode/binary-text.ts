import {
  bitText,
  byteaText,
  charText,
  inetText,
  macaddrText,
  sameText,
  uuidText,
  versionedText,
} from './binary-bytes.ts';
import {
  arrayText,
  hstoreText,
  multirangeText,
  rangeText,
  tsvectorText,
} from './binary-containers.ts';
import {
  type BinaryText,
  booleanText,
  realText,
  doubleText,
  int2Text,
  int4Text,
  int8Text,
  numericText,
  tidText,
  uint4Text,
  uint8Text,
} from './binary-numbers.ts';
import {
  boxText,
  circleText,
  lineText,
  lsegText,
  pathText,
  pointText,
  polygonText,
} from './binary-shapes.ts';
import {
  dateText,
  intervalText,
  timestampText,
  timestamptzText,
  timetzText,
  timeText,
} from './binary-times.ts';

const ranges = [
  ['int4', int4Text],
  ['int8', int8Text],
  ['num', numericText],
  ['ts', timestampText],
  ['tstz', timestamptzText],
  ['date', dateText],
] as const;

/** What each type's binary form reads as in text. What is not here is not known to be exact. */
const texts: ReadonlyMap<string, BinaryText> = new Map<string, BinaryText>([
  ['boolean', booleanText],
  ['smallint', int2Text],
  ['integer', int4Text],
  ['bigint', int8Text],
  ['oid', uint4Text],
  ['xid', uint4Text],
  ['cid', uint4Text],
  ['xid8', uint8Text],
  ['tid', tidText],
  ['real', realText],
  ['double precision', doubleText],
  ['numeric', numericText],
  ['text', sameText],
  ['character varying', sameText],
  ['character', sameText],
  ['bpchar', sameText],
  ['name', sameText],
  ['refcursor', sameText],
  ['citext', sameText],
  ['json', sameText],
  ['xml', sameText],
  ['jsonb', versionedText],
  ['jsonpath', versionedText],
  ['"char"', charText],
  ['bytea', byteaText],
  ['uuid', uuidText],
  ['bit', bitText],
  ['"bit"', bitText],
  ['bit varying', bitText],
  ['inet', inetText],
  ['cidr', inetText],
  ['macaddr', macaddrText],
  ['macaddr8', macaddrText],
  ['date', dateText],
  ['time without time zone', timeText],
  ['time with time zone', timetzText],
  ['timestamp without time zone', timestampText],
  ['timestamp with time zone', timestamptzText],
  ['interval', intervalText],
  ['point', pointText],
  ['line', lineText],
  ['lseg', lsegText],
  ['box', boxText],
  ['path', pathText],
  ['polygon', polygonText],
  ['circle', circleText],
  ['tsvector', tsvectorText],
  ['hstore', hstoreText],
  ...ranges.flatMap(([name, bound]) => {
    const range = rangeText(bound);
    return [
      [`${name}range`, range],
      [`${name}multirange`, multirangeText(range)],
    ] as const;
  }),
]);

/**
 * How the binary form of a type, named as format_type prints it, is written as the server's own text;
 * null where that is not known to be exact: a composite, a type of an extension, what depends on the
 * server's settings.
 */
export function binaryText(type: string): BinaryText | null {
  if (type.endsWith('[]')) {
    const element = binaryText(type.slice(0, -2));
    return element && arrayText(element, type.startsWith('box[') ? ';' : ',');
  }
  const base = type.replace(/\([\d,-]+\)/, '');
  return texts.get(base) ?? (/^interval( |$)/.test(base) ? intervalText : null);
}
