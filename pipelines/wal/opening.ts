import type { SourceSettings } from '../../contracts/source-settings.ts';
import type { TableContract } from '../../contracts/contract.ts';
import { IncompatibleSchema, type Registry } from '../../contracts/registry.ts';
import { changesTopic, schemaTopic } from '../../contracts/topics.ts';
import type { Output } from '../../processors/transcode/output.ts';
import { SchemaLog } from '../../processors/transcode/schema-log.ts';
import {
  type Encoding,
  encoderShape,
  TableEncoder,
} from '../../processors/transcode/table-encoder.ts';
import { changeSchema } from '../../schemas/avro.ts';
import { Refusal } from '../../schemas/refusal.ts';
import type { Relation } from '../../schemas/relation.ts';
import { type Forms, isOfForm, type KnownForm } from './forms.ts';
import type { Opening, Way } from './relations.ts';

/** What becomes of a table that bears the name of another which was captured. */
export interface Succession {
  /** Whether it may pass under that name. */
  readonly mayFollow: (relation: Relation, known: KnownForm) => Promise<boolean>;
  /** Has all that was captured under that name end, before anything of it passes. */
  readonly follow: (relation: Relation) => Promise<void>;
}

export interface OpeningParts {
  readonly database: string;
  readonly contracts: ReadonlyMap<string, TableContract>;
  readonly registry: Registry;
  readonly forms: Forms;
  readonly encoding: Encoding;
  readonly output: Output;
  readonly succession: Succession;
  readonly onIncompatible: SourceSettings['onIncompatible'];
  readonly limitOf: (topic: string) => number; // The largest record that a topic takes.
  readonly ensureTopic: (topic: string) => Promise<void>;
  /** Told of a table whose changes are refused, and of one that goes on in another topic. */
  readonly alarm: (table: string, message: string) => void;
  /** Told where a table and its contract are no longer of one mind about its columns. */
  readonly drifted: (table: string, message: string) => void;
}

/**
 * Opens the way of a table in a form that is new: its schema is registered under the topic's rule, and
 * the history told of it. What the rule forbids, and a table that took over the name of one that is still
 * there, never passes silently: its changes are refused until a person accepts them, and the others go on.
 */
export async function openings(parts: OpeningParts): Promise<Opening> {
  const { database, contracts, registry, forms, encoding, output, succession } = parts;
  const log = await SchemaLog.open(
    registry,
    output.lanes(schemaTopic(database), encoding.lanes),
    output,
  );

  const refuse = async (relation: Relation, lsn: bigint, what: string): Promise<Way> => {
    const message = `table ${relation.table}: ${what}; its changes are kept as dead letters until \`conductor schema accept --table ${relation.table}\``;
    parts.alarm(relation.table, message);
    await forms.refused(relation, message);
    log.write(relation, lsn, { schema: null, refused: message });
    return { kind: 'refused', refusal: new Refusal('schema-refused', message) };
  };

  return async (relation, lsn) => {
    const contract = contracts.get(relation.table);
    if (!contract) throw new Error(`table ${relation.table} has no contract`);
    const known = await forms.known(relation.table);
    const follows = known !== null && isReplaced(known, relation);
    if (follows && !(await succession.mayFollow(relation, known)))
      return refuse(relation, lsn, 'another table has taken its name');

    /** Null if the topic's rule forbids it. */
    const register = (topic: string, accepted?: 'accepted') =>
      registry
        .register(topic, changeSchema(encoderShape(relation, contract)), accepted)
        .catch((error: unknown) => {
          if (error instanceof IncompatibleSchema) return null;
          throw error;
        });
    let topic = changesTopic(database, relation.table);
    let registered = await register(topic, known?.accepted ? 'accepted' : undefined);
    if (!registered && parts.onIncompatible === 'v2') {
      topic = secondVersionOf(topic);
      await parts.ensureTopic(topic);
      registered = await register(topic);
      if (registered)
        parts.alarm(
          relation.table,
          `table ${relation.table}: its columns changed in a way that readers could not follow; it goes on in ${topic}`,
        );
    }
    if (!registered)
      return refuse(
        relation,
        lsn,
        'its columns changed in a way that readers of its topic could not follow',
      );
    if (follows) await succession.follow(relation);
    const isKnown = known && !known.isRefused && isOfForm(relation, known);
    if (!isKnown && forms.opened(relation, lsn)) {
      log.write(relation, lsn, { schema: registered.id, refused: null });
      const drift = driftOf(relation, contract);
      if (drift) parts.drifted(relation.table, drift);
    }
    const destination = { topic, schema: registered.id, limitBytes: parts.limitOf(topic) };
    return {
      kind: 'open',
      encoder: new TableEncoder(relation, contract, destination, encoding, output),
    };
  };
}

/** Where a table goes on whose columns the readers of its topic could not follow. */
export const secondVersionOf = (topic: string): string => `${topic}.v2`;

/** What the contract and the table do not agree on; null if they do. */
function driftOf({ table, columns }: Relation, contract: TableContract): string | null {
  const there = new Set(columns.map(({ name }) => name));
  const promised = new Set(contract.columns.map(({ name }) => name));
  const lost = [...promised].filter((name) => !there.has(name));
  const unknown = [...there].filter((name) => !promised.has(name));
  const untold = columns.filter(({ name, identity }) => contract.key.includes(name) && !identity);
  const hasIdentity = columns.some(({ identity }) => identity); // Without one the server refuses them.
  const told = [
    ...(lost.length > 0
      ? [`it has lost ${lost.join(', ')}: sinks keep what they have of them`]
      : []),
    ...(untold.length > 0 && hasIdentity
      ? [
          `its replica identity does not tell ${untold.map(({ name }) => name).join(', ')}, its key: updates and deletes become dead letters until ALTER TABLE ${table} REPLICA IDENTITY FULL`,
        ]
      : []),
    ...(unknown.length > 0
      ? [`no contract names ${unknown.join(', ')}: sealed, and dropped by govern`]
      : []),
  ];
  return told.length === 0 ? null : `table ${table}: ${told.join('; ')}`;
}

const isReplaced = (known: KnownForm, { oid }: Relation): boolean =>
  oid !== 0 && known.oid !== null && known.oid !== oid;
