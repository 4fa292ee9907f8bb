import { governedTopic } from '../../contracts/topics.ts';
import { type Catalog, primaryKey, type Relation, type Server, tableName } from './catalog.ts';
import { guessByName, propose } from './proposal.ts';
import type { Proposal } from './proposed.ts';
import { isFull } from './replica-identity.ts';
import type { Guessing } from './verdicts.ts';

/** A table that is not proposed, and why. */
export interface Skipped {
  readonly table: string;
  readonly reason: string;
}

export interface Chosen {
  readonly proposals: readonly Proposal[];
  readonly skipped: readonly Skipped[];
  readonly generated: boolean; // Whether stored generated columns must be published.
}

const publishesGenerated = 180_000;
const longestTopic = 240; // Kafka takes 249; a new version of a topic needs some of them.

/** Proposes a contract for each table that can be captured, and says of each other one why it cannot. */
export function choose(
  { server, relations }: Catalog,
  database: string,
  guess: Guessing = guessByName,
): Chosen {
  const reasons = new Map(
    relations.map((relation) => [relation, unfit(relation, { server, database })]),
  );
  for (;;) {
    const fit = relations.filter((relation) => reasons.get(relation) === null);
    const chosen = chooseOf(fit, server, guess);
    const stuck = chosen.proposals.filter((each) => isFull(each) && has(each.relation, 'virtual'));
    for (const { relation } of stuck) reasons.set(relation, stuckReason);
    if (stuck.length > 0) continue;
    const skipped = relations.flatMap((relation) => {
      const reason = reasons.get(relation) ?? null;
      return reason === null ? [] : [{ table: tableName(relation), reason }];
    });
    return { ...chosen, skipped };
  }
}

const stuckReason =
  'its updates and deletes must tell the whole old row, which PostgreSQL refuses of a published table with a virtual generated column; give it a primary key, or make the column STORED';

/** A whole old row has stored generated columns in it, so they must be published along with it. */
function chooseOf(
  relations: readonly Relation[],
  { version }: Server,
  guess: Guessing,
): Pick<Chosen, 'proposals' | 'generated'> {
  const able = version >= publishesGenerated;
  const generated = able && relations.some((relation) => keyIsGenerated(relation));
  const proposals = propose(relations, { generated, guess });
  const needed =
    able && !generated && proposals.some((each) => isFull(each) && has(each.relation, 'stored'));
  return needed
    ? { proposals: propose(relations, { generated: true, guess }), generated: true }
    : { proposals, generated };
}

const has = ({ columns }: Relation, generated: 'stored' | 'virtual'): boolean =>
  columns.some((column) => column.generated === generated);

const keyIsGenerated = (relation: Relation): boolean =>
  relation.columns.some(
    ({ name, generated }) => generated !== 'no' && primaryKey(relation)?.columns.includes(name),
  );

interface Where {
  readonly server: Server;
  readonly database: string;
}

/** Why a table cannot be captured, whatever its contract says; null if it can. */
function unfit(relation: Relation, { server, database }: Where): string | null {
  const { kind, persistence, schema, name, columns } = relation;
  if (kind === 'view' || kind === 'materialised view')
    return `it is a ${kind}, which has no changes of its own; capture the tables that it reads`;
  if (kind === 'foreign table') return 'its rows are on another server; capture them there';
  if (kind === 'partition') return 'it is a partition; name the table that it is a partition of';
  if (persistence === 'temporary') return 'it is temporary, and its changes are not in the WAL';
  if (persistence === 'unlogged')
    return `its changes are not in the WAL; ALTER TABLE ${relation.ident} SET LOGGED`;
  if (schema.includes('.') || name.includes('.'))
    return 'a dot in its name: a contract could not tell its schema from its table; rename it';
  if (!columns.some(({ generated }) => generated === 'no')) return 'it has no column to capture';
  if (server.version < publishesGenerated && keyIsGenerated(relation))
    return 'its primary key has a generated column, which PostgreSQL publishes from version 18 on';
  if (governedTopic(database, tableName(relation)).length > longestTopic)
    return 'its name is too long for a topic of Kafka, which spells what is not a letter in hex; rename it';
  return null;
}
