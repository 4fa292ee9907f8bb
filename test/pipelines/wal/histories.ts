import fc from 'fast-check';
import type { TableContract } from '../../../contracts/contract.ts';
import * as golden from '../../golden/pgoutput.ts';
import { contractOf } from '../../sinks/changes.ts';

const { oids, u } = golden;

const mood = 16_400;
const descriptions = {
  users: [
    golden.relation(
      1,
      ['public', 'users'],
      [
        { name: 'id', oid: oids.int8, identity: true },
        { name: 'name', oid: oids.text },
      ],
    ),
  ],
  notes: [
    golden.type(mood, 'mood', 'app'),
    golden.relation(
      2,
      ['public', 'notes'],
      [
        { name: 'text', oid: oids.text },
        { name: 'mood', oid: mood },
      ],
    ),
  ],
  foreign: [golden.relation(3, ['public', 'foreign'], [{ name: 'id', oid: oids.int8 }])],
} as const;
type Table = keyof typeof descriptions;

/** Of all tables but `foreign`, which has none. */
export const contracts: readonly TableContract[] = [
  contractOf('public.users', { id: 'bigint', name: 'text' }),
  contractOf('public.notes', { text: 'text', mood: 'app.mood' }, { key: [] }),
  { ...contractOf('app.events', { id: 'bigint' }), outbox: true },
];

/** A message of a transaction, and the tables that must be described before it. */
interface Op {
  readonly tables: readonly Table[];
  readonly message: Buffer;
}

const id = fc.nat(4).map((each) => `${each}`);
const op: fc.Arbitrary<Op> = fc.oneof(
  id.map((each) => ({ tables: ['users'], message: golden.insert(1, [each, 'a']) })),
  fc.tuple(id, id).map(([from, to]) => ({
    tables: ['users'],
    message: golden.update(1, ['K', [from, null]], [to, u]),
  })),
  id.map((each) => ({ tables: ['users'], message: golden.remove(1, ['K', [each, null]]) })),
  id.map((each) => ({ tables: ['notes'], message: golden.insert(2, [each, 'happy']) })),
  id.map((each) => ({ tables: ['foreign'], message: golden.insert(3, [each]) })),
  fc.constant({ tables: ['notes', 'users'], message: golden.truncate([2, 1]) }),
  fc.constantFrom('app.events', 'of nobody').map((prefix) => ({
    tables: [],
    message: golden.message(1n, prefix, '{"id":1}', 'transactional'),
  })),
) as fc.Arbitrary<Op>;

/** What a transaction does: its own changes, and savepoints that it releases or goes back to. */
type Step = Op | Savepoint;
interface Savepoint {
  readonly steps: readonly Step[];
  readonly ends: 'released' | 'undone' | 'undone before it was sent';
}

const { steps } = fc.letrec<{ steps: readonly Step[] }>((tie) => ({
  steps: fc.array(
    fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      { weight: 4, arbitrary: op },
      {
        weight: 1,
        arbitrary: fc.record({
          steps: tie('steps'),
          ends: fc.constantFrom('released', 'undone', 'undone before it was sent'),
        }),
      },
    ),
    { maxLength: 5 },
  ) as fc.Arbitrary<readonly Step[]>,
}));

export const forms = ['whole', 'streamed', 'prepared', 'streamed and prepared'] as const;
export type Form = (typeof forms)[number];

export interface Transaction {
  readonly steps: readonly Step[];
  readonly ends: 'committed' | 'rolled back';
  readonly origin: string | null;
  readonly committedAt: number;
  readonly form: Form; // In which it is sent.
  readonly cuts: readonly number[]; // How many messages each of its blocks has.
}

const transaction: fc.Arbitrary<Transaction> = fc.record({
  steps,
  ends: fc.constantFrom('committed', 'committed', 'rolled back'),
  origin: fc.constantFrom(null, null, 'standby'),
  committedAt: fc.nat(1_000),
  form: fc.constantFrom(...forms),
  cuts: fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 4 }),
});

/** Transactions in the order of their ends, and in which order their parts are sent before. */
export interface History {
  readonly transactions: readonly Transaction[];
  readonly order: readonly number[];
}

export const history: fc.Arbitrary<History> = fc.record({
  transactions: fc.array(transaction, { minLength: 1, maxLength: 4 }),
  order: fc.array(fc.nat(3), { maxLength: 30 }),
});

/** A message of a transaction or of a subtransaction of it, or the end of one that was undone. */
type Sent = (Op & { readonly xid: number }) | { readonly undone: number };

function sentOf(all: readonly Step[], xid: number, next: () => number): readonly Sent[] {
  return all.flatMap((step): readonly Sent[] => {
    if ('message' in step) return [{ ...step, xid }];
    const subxid = next();
    const inner = sentOf(step.steps, subxid, next);
    if (step.ends === 'undone before it was sent') return [];
    if (step.ends === 'released') return inner;
    const undone = [...new Set(inner.flatMap((each) => ('xid' in each ? each.xid : [])))];
    return [...inner, ...undone.map((each) => ({ undone: each }))];
  });
}

/** What is left of steps when their transaction is committed. */
const survivors = (all: readonly Step[]): readonly Op[] =>
  all.flatMap((step) =>
    'message' in step ? [step] : step.ends === 'released' ? survivors(step.steps) : [],
  );

/** The server describes a table before its first change in a transaction. */
function described(): (each: Op) => readonly Buffer[] {
  const known = new Set<Table>();
  return ({ tables, message }) => [
    ...tables.flatMap((table) => (known.has(table) ? [] : (known.add(table), descriptions[table]))),
    message,
  ];
}

interface Placed extends Transaction {
  readonly xid: number;
  readonly lsn: bigint;
  readonly end: bigint;
}

/** The messages of a transaction before its end, in parts that others may come between; and those of its end. */
function partsOf(placed: Placed): { readonly before: Buffer[][]; readonly end: readonly Buffer[] } {
  const { xid, lsn, end, committedAt: at, ends, form } = placed;
  const prepared = { xid, lsn: lsn - 20n, end: lsn - 10n, at };
  const decided =
    ends === 'committed'
      ? golden.commitPrepared({ xid, lsn, end, at })
      : golden.rollbackPrepared(prepared, end);
  const origin = placed.origin === null ? [] : [golden.origin(1n, placed.origin)];
  const tell = described();
  const whole = () => survivors(placed.steps).flatMap(tell);
  switch (form) {
    case 'whole':
      if (ends === 'rolled back') return { before: [], end: [] };
      return {
        before: [],
        end: [golden.begin(lsn, at, xid), ...origin, ...whole(), golden.commit(lsn, end, at)],
      };
    case 'prepared': {
      const body = [golden.beginPrepare(prepared), ...origin, ...whole(), golden.prepare(prepared)];
      return { before: [body], end: [decided] };
    }
    case 'streamed': {
      const last =
        ends === 'committed'
          ? golden.streamCommit(xid, lsn, end, at)
          : golden.streamAbort(xid, xid, { lsn, at });
      return { before: blocksOf(placed, origin), end: [last] };
    }
    case 'streamed and prepared':
      return {
        before: [...blocksOf(placed, origin), [golden.streamPrepare(prepared)]],
        end: [decided],
      };
  }
}

function blocksOf({ steps: all, xid, cuts }: Placed, origin: readonly Buffer[]): Buffer[][] {
  let subxid = xid;
  const sent = sentOf(all, xid, () => ++subxid);
  const tell = described();
  const blocks: Buffer[][] = [];
  let block: Buffer[] = [];
  let begun = false;
  const close = () => {
    if (block.length === 0) return;
    const first = !begun;
    begun = true;
    const start = [golden.streamStart(xid, first), ...(first ? origin : [])];
    blocks.push([...start, ...block, golden.streamStop()]);
    block = [];
  };
  for (const each of sent) {
    if ('undone' in each) {
      close();
      blocks.push([golden.streamAbort(xid, each.undone)]);
      continue;
    }
    block.push(...tell(each).map((message) => golden.streamed(each.xid, message)));
    if (block.length >= (cuts[blocks.length % cuts.length] ?? 1)) close();
  }
  close();
  if (blocks.length === 0)
    blocks.push([golden.streamStart(xid, true), ...origin, golden.streamStop()]);
  return blocks;
}

/** The messages of a history as a server sends them; all transactions in `form`, if it is given. */
export function messagesOf({ transactions, order }: History, form?: Form): readonly Buffer[] {
  const parts = transactions.map((each, index) => {
    const lsn = 1_000n * BigInt(index + 1);
    return partsOf({
      ...each,
      form: form ?? each.form,
      xid: 100 * (index + 1),
      lsn,
      end: lsn + 10n,
    });
  });
  const messages: Buffer[] = [];
  const turns = [...order];
  for (const [index, { before, end }] of parts.entries()) {
    while (before.length > 0) {
      const turn = parts[index + ((turns.shift() ?? 0) % (parts.length - index))];
      messages.push(...(turn?.before.shift() ?? []));
    }
    messages.push(...end);
  }
  return messages;
}
