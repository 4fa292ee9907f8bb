import { primaryKey, type Relation, type ReplicaIdentity } from './catalog.ts';
import { isSecret, type Proposal } from './proposed.ts';
import type { Statement } from './statement.ts';

/** What updates and deletes of a table must tell of the old row; null if it is as it must be. */
interface Wanted {
  readonly identity: Exclude<ReplicaIdentity, 'nothing'>;
  readonly index: string | null;
  readonly why: string;
}

/** The statements that make a table's updates and deletes tell enough; none if they do. */
export function identityStatements(proposal: Proposal): readonly Statement[] {
  const { relation } = proposal;
  const wanted = wantedIdentity(proposal);
  const say = (ident: string, { identity, index, why }: Wanted): Statement => ({
    why,
    sql: `ALTER TABLE ${ident} REPLICA IDENTITY ${index === null ? identity.toUpperCase() : `USING INDEX ${index}`}`,
  });
  const root = wanted ? [say(relation.ident, wanted)] : [];
  // A partition does not take over what is said of its root.
  const full = isFull(proposal);
  const below = full
    ? relation.partitions.filter(({ identity }) => identity !== 'full')
    : relation.partitions.filter(({ identity }) => identity === 'nothing');
  return [
    ...root,
    ...below
      .filter(({ foreign }) => !foreign)
      .map(({ ident }) =>
        say(ident, {
          identity: full ? 'full' : 'default',
          index: null,
          why: full ? (wanted?.why ?? `it is of ${relation.ident}, which has it`) : refuses,
        }),
      ),
  ];
}

/** Whether updates and deletes of a table will tell the whole old row. */
export function isFull(proposal: Proposal): boolean {
  const wanted = wantedIdentity(proposal);
  return (wanted?.identity ?? proposal.relation.identity) === 'full';
}

const refuses =
  'PostgreSQL refuses updates and deletes of a published table that has no replica identity';

function wantedIdentity(proposal: Proposal): Wanted | null {
  const { relation, columns, tenant } = proposal;
  const full = (why: string): Wanted | null =>
    relation.identity === 'full' ? null : { identity: 'full', index: null, why };
  const key = primaryKey(relation);
  const tokenised = columns.some(
    (column) => column.keyPosition !== null && (isSecret(column) || column.rule === 'tokenise'),
  );
  if (tokenised && tenant && !key?.columns.includes(tenant.column))
    return full(`its key becomes a token per tenant, and a delete must tell ${tenant.column}`);

  if (relation.identity === 'full') return null;
  if (!key) return keyless(relation, full);
  const index = relation.uniqueIndexes.find(({ identity }) => identity);
  const covers = key.columns.every((name) => index?.columns.includes(name));
  if (relation.identity === 'index' && covers) return null;
  if (!key.immediate) return full(`its primary key is deferrable; ${refuses}`);
  if (relation.identity === 'default') return null;
  const why =
    relation.identity === 'nothing'
      ? refuses
      : 'its index lacks the primary key, which a delete must tell';
  return { identity: 'default', index: null, why };
}

function keyless(relation: Relation, full: (why: string) => Wanted | null): Wanted | null {
  const partitioned = relation.kind === 'partitioned';
  if (relation.identity === 'index' && !partitioned) return null;
  const generated = new Set(
    relation.columns.filter((column) => column.generated !== 'no').map(({ name }) => name),
  );
  const [index] = relation.uniqueIndexes
    .filter(({ notNull, immediate }) => notNull && immediate && !partitioned)
    .filter(({ columns }) => !columns.some((name) => generated.has(name)))
    .toSorted((a, b) => a.columns.length - b.columns.length);
  if (index)
    return {
      identity: 'index',
      index: index.ident,
      why: `it has no primary key, but a unique index; ${refuses}`,
    };
  return full(`it has no primary key; ${refuses}; FULL writes the whole old row to the WAL`);
}
