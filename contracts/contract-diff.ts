import { columnChanges } from './column-diff.ts';
import { graphOf, joinOf, ownerOf, type Promises, saysOf } from './odcs-checks.ts';
import type { PromisedTable } from './odcs-document.ts';
import { releaseChanges } from './release-diff.ts';
import { changed, type Said } from './said.ts';
import { termsChanges } from './terms-diff.ts';
import { termsOf } from './terms.ts';
import { isNewMajor } from './version.ts';

/** One thing that another contract promises otherwise. */
export interface ContractChange extends Said {
  readonly table: string;
  readonly column: string | null;
}

/** Everything that the tables of `after` promise otherwise than those of `before`; nothing where both are one. */
export function contractChanges(before: Promises, after: Promises): readonly ContractChange[] {
  const names = new Set([...before, ...after].map(({ physicalName }) => physicalName));
  return [...names].sort().flatMap((table): readonly ContractChange[] => {
    const [was, is] = [named(before, table), named(after, table)];
    const change = (said: Said, column: string | null = null) => ({ table, column, ...said });
    if (!was) return [change({ what: 'has a contract now', breaks: null })];
    if (!is)
      return [
        change({
          what: 'has no contract any more',
          breaks: 'its changes become dead letters, and its readers get nothing',
        }),
      ];
    return [
      ...tableChanges(was, is).map((said) => change(said)),
      ...termsChanges(was, is).map((said) => change(said)),
      ...columnChanges(was, is).map(({ column, ...said }) => change(said, column)),
    ];
  });
}

/** The tables whose contract breaks and does not say so of itself, by a new major version. */
export function unannounced(before: Promises, after: Promises): readonly string[] {
  const broken = contractChanges(before, after).filter(({ breaks }) => breaks !== null);
  return [...new Set(broken.map(({ table }) => table))].filter((table) => {
    const [was, is] = [named(before, table), named(after, table)];
    return !was || !is || !isNewMajor(termsOf(is).version, termsOf(was).version);
  });
}

const named = (promises: Promises, table: string): PromisedTable | undefined =>
  promises.find(({ physicalName }) => physicalName === table);

function tableChanges(was: PromisedTable, is: PromisedTable): readonly Said[] {
  return [
    ...changed('its key', keyText(was), keyText(is), 'keys of records and rows are others'),
    ...changed(
      'its tenant',
      ownerOf(was, 'tenant'),
      ownerOf(is, 'tenant'),
      'tokens and keys are made per tenant: nothing meets what was made before',
    ),
    ...changed(
      'its subject',
      ownerOf(was, 'subject'),
      ownerOf(is, 'subject'),
      'rows are sealed under other keys, and who is erased is another',
    ),
    ...flagChanges(was, is),
    ...graphChanges(was, is),
    ...releaseChanges(was, is),
  ];
}

function keyText({ properties }: PromisedTable): string | null {
  const key = properties
    .filter(({ primaryKey }) => primaryKey)
    .sort((a, b) => (a.primaryKeyPosition ?? 1) - (b.primaryKeyPosition ?? 1));
  return key.length === 0 ? null : key.map(({ name }) => name).join(', ');
}

const flags = {
  outbox: 'what it is read from is another thing',
  insertOnly: 'whether its readers are told of updates and deletes is another promise',
} as const;

const flagChanges = (was: PromisedTable, is: PromisedTable): readonly Said[] =>
  (['outbox', 'insertOnly'] as const).flatMap((flag) =>
    changed(flag, said(saysOf(was, flag)), said(saysOf(is, flag)), flags[flag]),
  );

const said = (says: boolean) => (says ? 'said' : 'not said');

function graphChanges(was: PromisedTable, is: PromisedTable): readonly Said[] {
  const [before, after] = [graphOf(was), graphOf(is)];
  const label = changed(
    'its label in the graph',
    before?.label ?? null,
    after?.label ?? null,
    before ? 'queries name it' : null,
  );
  const [then, now] = [ends(before), ends(after)];
  const types = [...new Set([...then.keys(), ...now.keys()])];
  return [
    ...label,
    ...changed(
      'its join in the graph',
      joinText(was),
      joinText(is),
      joinOf(was) ? 'queries follow it' : null,
    ),
    ...types.flatMap((type) =>
      changed(
        `its relationship ${type}`,
        then.get(type) ?? null,
        now.get(type) ?? null,
        then.has(type) ? 'queries follow it' : null,
      ),
    ),
  ];
}

function joinText(table: PromisedTable): string | null {
  const join = joinOf(table);
  return join && `${join.type} from ${join.from} to ${join.to}`;
}

/** By which columns each relationship goes. */
function ends(graph: ReturnType<typeof graphOf>): ReadonlyMap<string, string> {
  const byType = Map.groupBy(graph?.relationships ?? [], ({ type }) => type);
  return new Map(
    [...byType].map(([type, all]) => [
      type,
      all
        .map(({ column }) => column)
        .sort()
        .join(', '),
    ]),
  );
}
