import type { Publication, Role, Server, Slot } from './catalog.ts';
import type { Chosen } from './choose.ts';
import { identityStatements } from './replica-identity.ts';
import { scramVerifier } from './scram-verifier.ts';
import { serverSettings } from './server-settings.ts';
import type { Statement } from './statement.ts';

/** What has to be done on the server, and what it is then called there. */
export interface Setup {
  readonly role: string;
  readonly creates: boolean; // The role is not there yet.
  readonly slot: string;
  readonly publication: string;
  readonly transaction: readonly Statement[]; // All or nothing.
  readonly settings: readonly Statement[]; // What no transaction may hold.
  readonly restart: readonly string[]; // Settings that count from the next start on.
  readonly advice: readonly string[];
}

/** Says how a server is to be set up, so that the role may capture what was chosen and nothing else. */
export function setupOf(
  server: Server,
  { proposals, generated }: Chosen,
  { name, password }: { readonly name: string; readonly password: string },
): Setup {
  const tables = proposals.map(({ table }) => table);
  const partitioned = proposals.some(({ relation }) => relation.kind === 'partitioned');
  const publication = freeName('conductor', (candidate) => {
    const found = server.publications.find((each) => each.name === candidate);
    return !found || isOurs(found, tables, partitioned);
  });
  const slots = ['ig_slot', `ig_slot_${name}`.slice(0, 60)];
  const slot =
    slots.find((candidate) => isFree(candidate, server)) ??
    freeName(slots[1] ?? 'ig_slot', (candidate) => isFree(candidate, server));
  const { statements: settings, restart, advice } = serverSettings(server, slot);
  return {
    role: server.role.name,
    creates: !server.role.exists,
    slot,
    publication,
    transaction: [
      ...roleStatements(
        server,
        proposals.some(({ relation }) => relation.rowSecurity),
        password,
      ),
      ...grants(server, proposals),
      ...proposals.flatMap(identityStatements),
      ...publish(server, proposals, { publication, generated }),
    ],
    settings,
    restart,
    advice: [...advice, ...partitionAdvice(proposals)],
  };
}

type Proposals = Chosen['proposals'];

function freeName(base: string, isFit: (name: string) => boolean): string {
  for (let n = 1; ; n++) {
    const name = n === 1 ? base : `${base}_${n}`;
    if (isFit(name)) return name;
  }
}

/** A publication of that name may be extended if it publishes nothing else, and does it the way that capture needs. */
const isOurs = (
  { allTables, viaRoot, tables }: Publication,
  ours: readonly string[],
  partitioned: boolean,
): boolean =>
  !allTables && (viaRoot || !partitioned) && tables.every((table) => ours.includes(table));

/** Slots have one name in the whole cluster. */
const isFree = (name: string, { slots, database }: Server): boolean =>
  slots.every((slot: Slot) => slot.name !== name || isSlotOf(slot, database));

const isSlotOf = ({ database, plugin }: Slot, ours: string): boolean =>
  database === ours && plugin === 'pgoutput';

function roleStatements(
  { role, rds }: Server,
  bypass: boolean,
  password: string,
): readonly Statement[] {
  const attributes = [
    ...(role.login ? [] : ['LOGIN']),
    ...(role.replicates || rds ? [] : ['REPLICATION']),
    ...(bypass && !role.bypassesRowSecurity ? ['BYPASSRLS'] : []),
  ];
  const membership =
    rds && !role.replicates
      ? [{ sql: `GRANT rds_replication TO ${role.ident}`, why: 'it may replicate' }]
      : [];
  return [...attribution(role, attributes, password), ...membership];
}

function attribution(
  { ident, exists }: Role,
  attributes: readonly string[],
  password: string,
): readonly Statement[] {
  const bypass = attributes.includes('BYPASSRLS')
    ? '; without BYPASSRLS a first copy would lack the rows that row security hides'
    : '';
  if (!exists)
    return [
      {
        sql: `CREATE ROLE ${ident} ${attributes.join(' ')} PASSWORD '${scramVerifier(password)}'`,
        why: `who captures; the server is told a verifier of its password, not the password${bypass}`,
      },
    ];
  if (attributes.length === 0) return [];
  return [{ sql: `ALTER ROLE ${ident} ${attributes.join(' ')}`, why: `who captures${bypass}` }];
}

function grants(
  { role: { ident }, databaseIdent }: Server,
  proposals: Proposals,
): readonly Statement[] {
  // Privileges on a table do not reach its partitions, and a first copy reads them one by one.
  const read = proposals.flatMap(({ relation }) => [
    relation,
    ...relation.partitions.filter(({ foreign }) => !foreign),
  ]);
  const schemas = [...new Set(read.map(({ schemaIdent }) => schemaIdent))];
  return [
    {
      sql: `GRANT CONNECT ON DATABASE ${databaseIdent} TO ${ident}`,
      why: 'it may connect',
    },
    {
      sql: `GRANT USAGE ON SCHEMA ${schemas.join(', ')} TO ${ident}`,
      why: 'it may read the tables, for the first copy and for backfills; changes need no SELECT',
    },
    {
      sql: `GRANT SELECT ON TABLE${listed(read.map((each) => each.ident))}\nTO ${ident}`,
      why: '',
    },
  ];
}

function publish(
  { publications }: Server,
  proposals: Proposals,
  { publication, generated }: { readonly publication: string; readonly generated: boolean },
): readonly Statement[] {
  const found = publications.find(({ name }) => name === publication);
  const missing = proposals.filter(({ table }) => !found?.tables.includes(table));
  const tables = listed(
    // The tables that inherit from one have contracts of their own.
    missing.map(({ relation: { ident, hasChildren } }) => (hasChildren ? `ONLY ${ident}` : ident)),
  );
  const columns = generated ? ', publish_generated_columns = stored' : '';
  const why = generated
    ? 'what is captured; generated columns too, for an old row or a key has them'
    : 'what is captured; a partitioned table under its own name';
  if (!found)
    return [
      {
        sql: `CREATE PUBLICATION ${publication} FOR TABLE${tables}\nWITH (publish_via_partition_root = true${columns})`,
        why,
      },
    ];
  return [
    ...(missing.length > 0
      ? [{ sql: `ALTER PUBLICATION ${publication} ADD TABLE${tables}`, why }]
      : []),
    ...(generated
      ? [{ sql: `ALTER PUBLICATION ${publication} SET (publish_generated_columns = stored)`, why }]
      : []),
  ];
}

const listed = (names: readonly string[]): string =>
  names.length === 1 ? ` ${names[0]}` : `\n  ${names.join(',\n  ')}`;

function partitionAdvice(proposals: Proposals): readonly string[] {
  return proposals.flatMap((proposal) => {
    const { relation } = proposal;
    if (relation.kind !== 'partitioned') return [];
    const foreign = relation.partitions.filter((partition) => partition.foreign);
    const full = identityStatements(proposal).some(({ sql }) => sql.endsWith('FULL'));
    return [
      `A partition of ${relation.ident} that is created later is copied through its root, which takes longer where it has many: GRANT SELECT on it, too, before a copy.`,
      ...(full || relation.identity === 'full'
        ? [`Each new partition of ${relation.ident} needs its own REPLICA IDENTITY FULL.`]
        : []),
      ...foreign.map(
        ({ ident }) =>
          `The rows of ${ident}, a partition of ${relation.ident}, are on another server: their changes are not captured.`,
      ),
    ];
  });
}
