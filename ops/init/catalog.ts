/** What of a column decides whether it may be kept: its type's family, not its name. */
export type Family =
  | 'flag'
  | 'number'
  | 'range'
  | 'time'
  | 'choice'
  | 'uuid'
  | 'network'
  | 'place'
  | 'text'
  | 'other';

export interface Column {
  readonly name: string;
  readonly type: string; // As `format_type` prints it.
  readonly family: Family; // Of an array, that of what it holds.
  readonly notNull: boolean;
  readonly generated: 'no' | 'stored' | 'virtual';
}

/** A valid unique index over plain columns, none of them left out by a condition. */
export interface UniqueIndex {
  readonly ident: string;
  readonly columns: readonly string[];
  readonly primary: boolean;
  readonly identity: boolean; // Chosen by REPLICA IDENTITY USING INDEX.
  readonly notNull: boolean;
  readonly immediate: boolean; // Not deferrable.
}

export interface ForeignKey {
  readonly to: string; // Schema and name.
  readonly columns: readonly (readonly [here: string, there: string])[];
}

export type ReplicaIdentity = 'default' | 'nothing' | 'full' | 'index';

/** Where rows of a partitioned table lie, at the very bottom. */
export interface Partition {
  readonly ident: string;
  readonly schemaIdent: string;
  readonly identity: ReplicaIdentity;
  readonly foreign: boolean;
}

export type RelationKind =
  | 'table'
  | 'partitioned'
  | 'view'
  | 'materialised view'
  | 'foreign table'
  | 'partition';

/** A table, or what looks like one, as the catalogs describe it. */
export interface Relation {
  readonly schema: string;
  readonly name: string;
  readonly ident: string; // Schema and name as SQL wants them quoted.
  readonly schemaIdent: string;
  readonly kind: RelationKind;
  readonly persistence: 'permanent' | 'unlogged' | 'temporary';
  readonly identity: ReplicaIdentity;
  readonly rowSecurity: boolean;
  readonly hasChildren: boolean; // Other tables inherit from it, and are tables of their own.
  readonly columns: readonly Column[];
  readonly uniqueIndexes: readonly UniqueIndex[];
  readonly foreignKeys: readonly ForeignKey[];
  readonly partitions: readonly Partition[];
}

export interface Publication {
  readonly name: string;
  readonly allTables: boolean;
  readonly viaRoot: boolean;
  readonly tables: readonly string[];
}

export interface Slot {
  readonly name: string;
  readonly database: string | null;
  readonly plugin: string | null;
}

/** A setting of the server. */
export interface ServerSetting {
  readonly value: string;
  readonly waits: boolean; // Was changed, and waits for a restart.
  readonly fixed: boolean; // Given on the server's command line, which ALTER SYSTEM does not overrule.
}

/** The server, and what of it is of use to a capture. */
export interface Server {
  readonly version: number; // As it counts itself: 180004 is 18.4.
  readonly database: string;
  readonly databaseIdent: string;
  readonly user: string;
  readonly superuser: boolean;
  readonly standby: boolean;
  readonly walLevel: ServerSetting;
  readonly replicationSlots: ServerSetting;
  readonly walSenders: ServerSetting;
  readonly slotWalKeepSizeMb: number; // -1 keeps all.
  readonly sendersInUse: number;
  readonly slots: readonly Slot[];
  readonly publications: readonly Publication[];
  readonly role: Role;
  readonly rds: boolean; // Replication is a membership there, not an attribute.
}

/** The role that is to capture. */
export interface Role {
  readonly name: string;
  readonly ident: string;
  readonly exists: boolean;
  readonly login: boolean;
  readonly replicates: boolean;
  readonly bypassesRowSecurity: boolean;
}

/** A database that nobody prepared. */
export interface Catalog {
  readonly server: Server;
  readonly relations: readonly Relation[];
}

/** Schema and name, as contracts name a table. */
export const tableName = ({ schema, name }: Relation): string => `${schema}.${name}`;

export const primaryKey = ({ uniqueIndexes }: Relation): UniqueIndex | null =>
  uniqueIndexes.find(({ primary }) => primary) ?? null;

/** As people name a version: 18.4. */
export const release = (version: number): string =>
  `${Math.floor(version / 10_000)}.${version % 10_000}`;
