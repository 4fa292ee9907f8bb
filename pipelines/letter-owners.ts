import { type ColumnContract, isConfidential, type TableContract } from '../contracts/contract.ts';
import type { LetterOwner, Owner } from '../contracts/keys/keyring.ts';
import { letterOwners, ownerNamed } from '../contracts/keys/owners.ts';
import type { Registry } from '../contracts/registry.ts';
import { tableOf } from '../contracts/topics.ts';
import type { Captured } from '../processors/transcode/output.ts';
import type { Change, Governed } from '../schemas/change.ts';
import { changeOf, type GovernedRecord } from '../schemas/governed-record.ts';
import { boxesOf, keyRefOf } from '../schemas/sealed-box.ts';
import { type Row, unchanged } from '../schemas/value.ts';
import { decodeChange, schemaIdOf } from '../schemas/wire.ts';
import type { Received } from './topic/received.ts';

type Contracts = ReadonlyMap<string, TableContract>;

/** Whom a change tells of that capture refused. */
export const ownersOfCaptured = (captured: Captured): readonly LetterOwner[] =>
  'refusal' in captured ? captured.value.owners : [];

/** Whom a record of `cdc.*` tells of: whose key its box names, or else whom its open columns name. */
export function ownersOfRecord(
  { topic, partition, value }: Pick<Received, 'topic' | 'partition' | 'value'>,
  registry: Pick<Registry, 'type'>,
  contracts: Contracts,
): readonly LetterOwner[] {
  const type = value && registry.type(schemaIdOf(value) ?? -1);
  if (!value || !type) return [];
  let change: Change;
  try {
    change = decodeChange(type, value, { table: tableOf(topic), lane: partition });
  } catch {
    return []; // It is no change, and names nobody.
  }
  const refs = change.sealed ? boxesOf(change.sealed).map(keyRefOf) : [];
  const named = refs.flatMap((ref) => (ref ? [{ ref }] : []));
  return named.length > 0
    ? named
    : ownersOf(change, contracts, (column) => !isConfidential(column));
}

/** Whom a governed change tells of, by columns that are kept as they are: of a token nobody can tell whose it is. */
export function ownersOfGoverned(
  record: GovernedRecord,
  contracts: Contracts,
): readonly LetterOwner[] {
  let change: Governed;
  try {
    change = changeOf(record);
  } catch {
    return []; // It is no change, and names nobody.
  }
  return ownersOf(change, contracts, ({ rule }) => rule === 'keep');
}

function ownersOf(
  { table, before, after }: Change | Governed,
  contracts: Contracts,
  isPlain: (column: ColumnContract) => boolean,
): readonly Owner[] {
  const contract = contracts.get(table);
  if (!contract) return [];
  const plain = new Set(contract.columns.filter(isPlain).map(({ name }) => name));
  return letterOwners(
    [before, after].flatMap((row) => (row && ownerOf(contract, row, plain)) ?? []),
  );
}

function ownerOf(contract: TableContract, row: Row, plain: ReadonlySet<string>): Owner | null {
  const { tenant: column, subject } = contract;
  const textOf = (name: string): string | null | undefined => {
    const value = row[name];
    if (!plain.has(name) || value === undefined || value === unchanged) return undefined;
    return value === null ? null : `${value}`;
  };
  const tenant = column === null ? null : textOf(column);
  if (tenant === undefined) return null;
  const person = subject ? textOf(subject.column) : null;
  return ownerNamed(contract, tenant, person ?? null);
}
