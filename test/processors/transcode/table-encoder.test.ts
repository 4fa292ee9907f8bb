import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isConfidential } from '../../../contracts/contract.ts';
import type { Owner } from '../../../contracts/keys/keyring.ts';
import { tokeniser } from '../../../processors/tokens.ts';
import type { Change } from '../../../schemas/change.ts';
import { Refusal } from '../../../schemas/refusal.ts';
import { keyRefOf, open } from '../../../schemas/sealed-box.ts';
import { decodeSecret } from '../../../schemas/secret.ts';
import { keyText, unchanged, type Row } from '../../../schemas/value.ts';
import { capturing, madeOf, type Told } from '../../pipelines/wal/captured.ts';
import { MemoryKeyring } from '../memory-keyring.ts';
import { marker, secretPhone } from '../tables.ts';
import { sealing } from '../../../processors/seal-change.ts';
import { decodedOf, messagesOf, type Sent, sent } from './sent.ts';

const lanes = 12;

/** What a change came to: what passed, opened; what was refused, and why; how many were withheld. */
interface Outcome {
  readonly passed: readonly object[];
  readonly refused: readonly object[];
  readonly erased: number;
}

async function byBytes(change: Sent, keyring: MemoryKeyring): Promise<Outcome> {
  const { take, made, told } = await capturing({ contracts: [change.of], lanes, keyring });
  await take(...messagesOf(change));
  const { changes, letters } = made();
  return {
    passed: changes.map((each) => ({ ...opened(each, keyring), recordKey: each.recordKey })),
    refused: letters.map(({ value, refusal }) => ({ value, reason: refusal.reason })),
    erased: told.erased,
  };
}

function byTheOracle(change: Sent, keyring: MemoryKeyring): Outcome {
  const outcome = { passed: [] as object[], refused: [] as object[], erased: 0 };
  const seal = sealing(
    new Map([[change.of.table, change.of]]),
    keyring,
    tokeniser(keyring),
    lanes,
    () => void outcome.erased++,
  );
  for (const each of decodedOf(change)) {
    try {
      for (const passed of seal(each)) outcome.passed.push(asRead(change, passed, keyring));
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      outcome.refused.push({ value: each, reason: error.reason });
    }
  }
  return outcome;
}

/** A change with its box opened: a box tells its key's name, and what is in it. */
function opened(change: Change | Told, keyring: MemoryKeyring) {
  const { sealed, lane, key, ...rest } = change;
  const ref = sealed && keyRefOf(sealed)!;
  const found = ref && keyring.find(ref);
  const secret = found?.state === 'here' ? decodeSecret(open(found.key, sealed!).toString()) : null;
  return { ...rest, key, lane: key && lane, ref: ref?.toString('hex') ?? null, secret };
}

/** A change as a reader of its topic has it: of each column of its schema, what was sent. */
function asRead({ of, columns }: Sent, change: Change, keyring: MemoryKeyring) {
  const names = of.columns
    .filter((each) => !isConfidential(each) && columns.includes(each.name))
    .map(({ name }) => name);
  const row = (image: Row) =>
    Object.fromEntries(names.map((name) => [name, name in image ? image[name] : unchanged]));
  return {
    ...opened(change, keyring),
    before: change.before && row(change.before),
    after: change.after && row(change.after),
    recordKey: change.key && keyText(change.key),
  };
}

/** Whose keys a change needs. */
function ownersOf(change: Sent): readonly Owner[] {
  const keyring = new MemoryKeyring();
  byTheOracle(change, keyring);
  return keyring.owners;
}

test('whatever the table and the change, the bytes say what the oracle says', async () => {
  await fc.assert(
    fc.asyncProperty(sent, async (change) => {
      const keyring = new MemoryKeyring();
      const want = byTheOracle(change, keyring);
      expect(await byBytes(change, keyring)).toEqual(want);
    }),
    { numRuns: 1_000 },
  );
});

test('what is withheld of erased subjects and tenants is what the oracle withholds', async () => {
  await fc.assert(
    fc.asyncProperty(sent, fc.nat(), async (change, which) => {
      const owners = ownersOf(change);
      fc.pre(owners.length > 0);
      const keyring = new MemoryKeyring();
      keyring.destroy(owners[which % owners.length]!);
      const want = byTheOracle(change, keyring);
      expect(await byBytes(change, keyring)).toEqual(want);
    }),
    { numRuns: 300 },
  );
});

test('no confidential value can be read in any record, key or refusal', async () => {
  await fc.assert(
    fc.asyncProperty(sent, async (change) => {
      const { carried, letters } = await madeOf({ contracts: [change.of] }, ...messagesOf(change));
      for (const { key, value } of carried) {
        for (const secret of [marker, secretPhone]) {
          expect(value.includes(secret)).toBe(false);
          expect(key ?? '').not.toContain(secret);
        }
      }
      for (const { refusal } of letters)
        for (const secret of [marker, secretPhone]) expect(refusal.stack).not.toContain(secret);
    }),
    { numRuns: 300 },
  );
});

test('the same messages become the same bytes: what is sent is a function of the log', async () => {
  await fc.assert(
    fc.asyncProperty(sent, async (change) => {
      const carried = async () =>
        (await madeOf({ contracts: [change.of] }, ...messagesOf(change))).carried;
      expect(await carried()).toEqual(await carried());
    }),
  );
});

const reached = [
  ['passes sealed', (all: Outcome) => all.passed.some((each) => 'ref' in each && each.ref)],
  ['passes with both images sealed', (all: Outcome) => all.passed.some(hasBoth)],
  ['is two, for its key is another', (all: Outcome) => all.passed.length === 2],
  ['tells no key', (all: Outcome) => hasReason(all, 'no-key')],
  ['tells no subject', (all: Outcome) => hasReason(all, 'no-subject')],
  ['tells no tenant for its token', (all: Outcome) => hasReason(all, 'no-tenant')],
] as const;

const hasReason = ({ refused }: Outcome, reason: Refusal['reason']) =>
  refused.some((each) => 'reason' in each && each.reason === reason);

function hasBoth(passed: object): boolean {
  const { secret } = passed as { secret: { before: Row | null; after: Row | null } | null };
  return Boolean(secret?.before && secret.after);
}

test.for(reached)('among the changes tried is one that %s', ([, is]) => {
  const tried = fc.sample(sent, { numRuns: 2_000, seed: 1 });
  expect(tried.some((change) => is(byTheOracle(change, new MemoryKeyring())))).toBe(true);
});
