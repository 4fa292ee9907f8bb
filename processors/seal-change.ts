import { isConfidential, type TableContract } from '../contracts/contract.ts';
import type { Keyring, Owner } from '../contracts/keys/keyring.ts';
import type { Processor } from '../pipelines/flow/stage.ts';
import type { Change, Decoded } from '../schemas/change.ts';
import { changeId } from '../schemas/position.ts';
import { Refusal } from '../schemas/refusal.ts';
import { encodeSecret } from '../schemas/secret.ts';
import { seal } from '../schemas/sealed-box.ts';
import { unchanged, type Key, type Row, type Unchanged, type Value } from '../schemas/value.ts';
import { laneOf } from './lane.ts';
import { type TokenDomain, tokenDomain, type Tokeniser } from './tokens.ts';

/**
 * What capture's encoder does to bytes, done to objects: what is replayed of capture's letters goes by it, and the encoder is
 * held against it.
 *
 * Moves what is confidential into a box under its subject's key, and tokenises confidential keys:
 * from here on no topic, log or letter carries such a value in the clear. A column that the contract
 * does not know is confidential, or dropped where nobody owns the row. What belongs to an erased subject is withheld, and `erased` told of
 * it; its delete passes, for it tells nothing of the subject but that it is gone.
 */
export function sealing(
  contracts: ReadonlyMap<string, TableContract>,
  keyring: Keyring,
  tokens: Tokeniser,
  lanes: number,
  erased: () => void,
): Processor<Decoded, Change> {
  const tables = new Map([...contracts].map(([table, contract]) => [table, compile(contract)]));

  return (change) => {
    const rules = tables.get(change.table);
    if (!rules) throw new Refusal('no-contract', `table ${change.table} has no contract`);
    const { contract, open } = rules;
    if (!change.key && contract.key.length > 0 && change.op !== 'truncate')
      throw new Refusal(
        'no-key',
        `table ${change.table}: a change does not tell its key; keep the primary key in the replica identity`,
      );
    const image = change.after ?? change.before;
    const tenant = image && textOf(contract.tenant, image);
    const key = change.key && tokenised(rules, tenant, change.key, tokens);
    const bare = {
      ...change,
      lane: change.op === 'truncate' ? change.lane : laneOf(change, key, lanes),
      key,
      before: change.before && pick(change.before, (column) => open.has(column)),
      after: change.after && pick(change.after, (column) => open.has(column)),
    };
    const secret = {
      before: sameOwner(contract, change) ? secretsOf(change.before, rules) : null,
      after: secretsOf(change.after, rules, change.op === 'insert'),
    };
    const isMoved = !sameOwner(contract, change) && secretsOf(change.before, rules) !== null;
    if (!image || (!secret.before && !secret.after && !isMoved)) return [{ ...bare, sealed: null }];

    const owner = ownerOf(contract, tenant, image);
    if (!owner && secret.after) throw noOwner(contract);
    if (!owner) return [{ ...bare, sealed: null }]; // A delete that tells only its key.
    const owned = keyring.keyOf(owner);
    if (owned === 'destroyed') {
      if (change.op === 'delete') return [{ ...bare, sealed: null }];
      erased();
      return [];
    }
    const id = changeId(change.system, change.log, change.position);
    const occasion = { change: id, revision: contract.revision };
    const sealed = seal(owned, occasion, encodeSecret(secret));
    const left = sameOwner(contract, change) ? null : secretsOf(change.before, rules);
    const leaver = left && change.before && leaverOf(contract, change.before, change.after);
    const leaving = leaver && keyring.keyOf(leaver);
    if (!leaving || leaving === 'destroyed') return [{ ...bare, sealed }];
    const first = seal(leaving, occasion, encodeSecret({ before: left, after: null }));
    const head = Buffer.of(2, 0, 0, 0, 0);
    head.writeUInt32BE(first.length, 1);
    return [{ ...bare, sealed: Buffer.concat([head, first, sealed]) }];
  };
}

interface Rules {
  readonly contract: TableContract;
  readonly open: ReadonlySet<string>; // Columns that may travel in the clear.
  readonly keyDomains: ReadonlyMap<string, TokenDomain>; // Of confidential key columns.
}

function compile(contract: TableContract): Rules {
  const confidential = contract.columns.filter(isConfidential);
  const open = contract.columns.filter((column) => !isConfidential(column)).map((c) => c.name);
  return {
    contract,
    open: new Set(open),
    keyDomains: new Map(
      confidential
        .filter(({ name }) => contract.key.includes(name))
        .map((column) => [column.name, tokenDomain(contract, column)]),
    ),
  };
}

/** Whose key a row is sealed under; null if the row tells neither its subject nor its tenant. */
function ownerOf(
  { subject, ...contract }: TableContract,
  tenant: string | null,
  row: Row,
): Owner | null {
  if (subject && row[subject.column] === unchanged)
    throw new Refusal(
      'no-subject',
      `table ${contract.table}: a change does not tell its subject (column ${subject.column}); ALTER TABLE ${contract.table} REPLICA IDENTITY FULL`,
    );
  if (contract.tenant !== null && row[contract.tenant] === unchanged)
    throw new Refusal('no-tenant', `table ${contract.table}: a change does not tell its tenant`);
  const person = subject && textOf(subject.column, row);
  if (subject && person !== null) return { tenant, domain: subject.domain, subject: person };
  return tenant === null ? null : { tenant, domain: contract.tenant ?? '', subject: null };
}

/** Whom a row leaves, if it tells all that names him and that the table still has. */
function leaverOf(contract: TableContract, row: Row, after: Row | null): Owner | null {
  const isTold = (column: string | null | undefined) =>
    typeof column !== 'string' ||
    (column in row ? row[column] !== unchanged : !(after && column in after));
  if (!isTold(contract.subject?.column) || !isTold(contract.tenant)) return null;
  return ownerOf(contract, textOf(contract.tenant, row), row);
}

const noOwner = ({ table }: TableContract) =>
  new Refusal(
    'no-subject',
    `table ${table}: a row with confidential columns tells neither its subject nor its tenant, so there is no key to seal it with`,
  );

/** A box holds both images only if one subject of one tenant owns both. */
function sameOwner({ subject, tenant }: TableContract, { before, after }: Decoded): boolean {
  if (!before || !after) return true;
  return [subject?.column ?? null, tenant].every(
    (column) => textOf(column, before) === textOf(column, after),
  );
}

/** A new row says of a column that it did not change: of what the table lost it says nothing. */
function secretsOf(row: Row | null, { contract, open }: Rules, isNew = false): Row | null {
  if (!row) return null;
  const isOwned = contract.tenant !== null || contract.subject !== null;
  const isPromised = (column: string) => contract.columns.some(({ name }) => name === column);
  const isTold = (column: string) => isNew || row[column] !== unchanged;
  const secrets = pick(
    row,
    (column) => !open.has(column) && isTold(column) && (isOwned || isPromised(column)),
  );
  return Object.keys(secrets).length > 0 ? secrets : null;
}

function tokenised(
  { contract, keyDomains }: Rules,
  tenant: string | null,
  key: Key,
  tokens: Tokeniser,
): Key {
  if (keyDomains.size === 0) return key;
  if (contract.tenant !== null && tenant === null)
    throw new Refusal(
      'no-tenant',
      `table ${contract.table}: the key is confidential and the change does not tell its tenant; ALTER TABLE ${contract.table} REPLICA IDENTITY FULL`,
    );
  const out: Record<string, Value> = {};
  for (const [column, value] of Object.entries(key)) {
    const domain = keyDomains.get(column);
    out[column] = domain && value !== null ? tokens(domain)(tenant ?? '', value) : value;
  }
  return out;
}

function textOf(column: string | null, row: Row): string | null {
  const value = column === null ? null : row[column];
  return value === null || value === undefined || value === unchanged ? null : `${value}`;
}

function pick(row: Row, wanted: (column: string) => boolean): Row {
  const picked: Record<string, Value | Unchanged> = {};
  for (const column of Object.keys(row)) if (wanted(column)) picked[column] = row[column] ?? null;
  return picked;
}
