import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe } from 'vitest';
import type { TableContract } from '../../contracts/contract.ts';
import type { Sink } from '../../pipelines/flow/sink.ts';
import type { Governed } from '../../schemas/change.ts';
import type { Row } from '../../schemas/value.ts';
import { changesOf, contractOf } from './changes.ts';
import { faultCases } from './fault-cases.ts';
import { rowCases } from './row-cases.ts';
import { sorted } from './values.ts';
import type { TextRow } from './values.ts';

/** A server with one kind of sink on it, for one run of the suite. */
export interface Harness {
  open(contracts: readonly TableContract[]): Promise<Sink<Governed>>;
  /** The current rows of a table, in any order. */
  rows(contract: TableContract): Promise<readonly TextRow[]>;
  /** Prepares the server to reject a row of that table, and says which. */
  poison(contract: TableContract): Promise<Row>;
  /** Whether an unchanged column without an earlier row is refused; a history may record it instead. */
  readonly needsBase: boolean;
  close(): Promise<void>;
}

/** A fresh table, and a sink that is open on it. */
export interface Case extends AsyncDisposable {
  readonly contract: TableContract;
  readonly sink: Sink<Governed>;
  readonly change: ReturnType<typeof changesOf>;
  rows(): Promise<readonly TextRow[]>;
  reopen(): Promise<Sink<Governed>>;
}

export type Given = (
  columns?: Readonly<Record<string, string>>,
  key?: readonly string[],
) => Promise<Case>;

/** What every sink owes whoever writes to it, on a real server. */
export function sinkContract(name: string, start: () => Promise<Harness>): void {
  describe(`the ${name} sink`, () => {
    let harness: Harness;
    let serial = 0;
    const run = randomBytes(4).toString('hex');
    beforeAll(async () => void (harness = await start()));
    afterAll(() => harness?.close());

    const given: Given = async (
      columns = { id: 'bigint', name: 'text', note: 'text' },
      key = ['id'],
    ) => {
      const contract = freshContract(`t${run}_${++serial}`, columns, key);
      const sink = await harness.open([contract]);
      return {
        contract,
        sink,
        change: changesOf(contract),
        rows: async () => sorted(await harness.rows(contract)),
        reopen: () => harness.open([contract]),
        [Symbol.asyncDispose]: () => sink[Symbol.asyncDispose](),
      };
    };
    rowCases(given, () => harness.needsBase);
    faultCases(given, (contract) => harness.poison(contract));
  });
}

const freshContract = (
  name: string,
  columns: Readonly<Record<string, string>>,
  key: readonly string[] = ['id'],
): TableContract =>
  contractOf(`public.${name}`, columns, {
    key,
    graph: { label: `Sink ${name}`, relationships: [] },
  });
