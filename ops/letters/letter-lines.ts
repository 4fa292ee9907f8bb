import { aligned } from '../aligned.ts';
import type { FoundLetter } from '../../replay/letter-search.ts';
import type { Answer, OpenPart } from './show-letter.ts';
import type { ShownRow } from './letter-view.ts';
import type { Stats } from './letter-stats.ts';

const shortId = 10; // Of 32 digits: among a million letters, two of the same pipeline rarely share them.

/** Letters as a table for people. */
export function listLines(found: readonly FoundLetter[], limit: number): readonly string[] {
  if (found.length === 0) return ['no letter is of that kind'];
  const rows = found.map(({ id, at, pipeline, table, reason, origin, bytes, state }) => [
    id.slice(0, shortId),
    timeText(at),
    pipeline,
    table ?? '-',
    reason,
    sizeText(bytes),
    state,
    origin,
  ]);
  const lines = aligned([
    ['id', 'written', 'pipeline', 'table', 'reason', 'size', 'state', 'origin'],
    ...rows,
  ]);
  return found.length < limit ? lines : [...lines, `the newest ${limit}; --limit shows more`];
}

/** Counts as two tables for people: of what kinds letters are, and how full their topics. */
export function statsLines({ counts, topics }: Stats): readonly string[] {
  if (counts.length === 0) return ['there are no letters'];
  const kinds = counts.map(({ pipeline, table, reason, bytes, oldest, newest, ...count }) => [
    pipeline,
    table ?? '-',
    reason,
    `${count.open}`,
    `${count.replayed}`,
    `${count.waived}`,
    `${count.gone}`,
    sizeText(bytes),
    timeText(oldest),
    timeText(newest),
  ]);
  const fills = topics.map(({ topic, letters, bytes, oldest, retention }) => [
    topic,
    `${letters}`,
    sizeText(bytes),
    retention.bytesShare === null ? 'no limit' : percent(retention.bytesShare),
    timeText(oldest),
    retention.ageShare === null ? 'no limit' : percent(retention.ageShare),
  ]);
  return [
    ...aligned([
      [
        'pipeline',
        'table',
        'reason',
        'open',
        'replayed',
        'waived',
        'gone',
        'size',
        'oldest',
        'newest',
      ],
      ...kinds,
    ]),
    '',
    ...aligned([['topic', 'open', 'size', 'of its bytes', 'oldest', 'of its retention'], ...fills]),
  ];
}

/** A letter for people: what everybody may know, and what its reader may see. */
export function showLines(
  letter: FoundLetter,
  { message, opened }: OpenPart,
  answer: Answer | null,
): readonly string[] {
  const { topic, partition, offset } = letter;
  const pieces = letter.chunks === 1 ? '' : `, in ${letter.chunks} pieces`;
  const open = [
    ['id', letter.id],
    ['pipeline', letter.pipeline],
    ['table', letter.table ?? '-'],
    ['reason', letter.reason],
    ['message', message ?? '-'],
    ['origin', letter.origin],
    ['key hash', letter.keyHash ?? '-'],
    ['written', timeText(letter.at)],
    ['lies in', `${topic}, partition ${partition}, offset ${offset}${pieces}`],
    ['size', sizeText(letter.bytes)],
    ['state', stateText(letter)],
    ['sealed', sealWords[opened.state]],
  ];
  return [...aligned(open), ...(answer ? changeLines(answer) : [])];
}

function stateText({ state, job, waivedBy, waivedWhy }: FoundLetter): string {
  if (state === 'replayed') return `${state} by job ${job}`;
  return state === 'waived' ? `${state} by ${waivedBy}: ${waivedWhy}` : state;
}

/** What is said of each state of a letter's boxes. */
const sealWords: Readonly<Record<OpenPart['opened']['state'], string>> = {
  here: 'yes; a token that may unseal it shows what it holds (--token-file)',
  destroyed: 'its key was destroyed: whom it tells of was erased, and nobody can read it any more',
  unknown: 'the keyring has no key for it: restore its files from one backup',
  damaged: 'it was changed since it was sealed, and does not open',
  gone: 'retention has taken it from its topic',
};

/** Why a token was not answered. */
export function refusalWords({ reason, rules }: Answer['ruling']): string {
  const known = words[reason] ?? sealed(reason);
  if (known !== undefined) return known;
  return rules.length > 0 ? `by ${rules.join(', ')}` : `no rule of policy allows it (${reason})`;
}

const sealed = (state: string): string | undefined =>
  Object.entries(sealWords).find(([name]) => name === state)?.[1];

const words: Readonly<Record<string, string>> = {
  'another-tenant': 'it tells of another tenant than the token is for, or does not tell of which',
  'authorization-details': 'the details of the token grant something else',
  'unknown-purpose': 'policy knows no such purpose as the token has',
  'policy-scope': 'the scopes of the token do not reach it',
  'policy-failed': 'policy cannot be evaluated',
  replayed: 'the token was good for one call, and that was made',
  erased: 'whom it tells of was erased',
  unsealable: 'what it has sealed within does not open',
  'no-change': 'it holds no change that could be read column by column, so no mask plan fits it',
  'no-contract': 'its table has no contract, so there is no mask plan for it',
};

function changeLines({ change }: Answer): readonly string[] {
  if (!change) return [];
  return [
    `change    ${change.op}`,
    ...rowLines('before', change.before),
    ...rowLines('after', change.after),
  ];
}

function rowLines(which: string, row: ShownRow | null): readonly string[] {
  if (!row) return [];
  const told = Object.entries(row.values).map(([name, value]) => [
    `  ${name}`,
    value === null ? 'null' : JSON.stringify(value),
  ]);
  return [
    `${which}:`,
    ...aligned([...told, ...row.unchanged.map((name) => [`  ${name}`, '(not sent)'])]),
  ];
}

const timeText = (at: Date | null): string =>
  at ? at.toISOString().replace('T', ' ').slice(0, 19) : '-';

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;

function sizeText(bytes: number): string {
  if (bytes < 1_000) return `${bytes} B`;
  return bytes < 1_000_000
    ? `${(bytes / 1_000).toFixed(1)} kB`
    : `${(bytes / 1_000_000).toFixed(1)} MB`;
}
