import databases, { type ConnectionPool } from '@databases/pg';
import { CannotRun } from '../../contracts/cannot-run.ts';
import type { TableContract } from '../../contracts/contract.ts';
import { postgresLogin } from '../../contracts/postgres-login.ts';
import type { SourceSettings } from '../../contracts/source-settings.ts';
import type { Checkpoint, Checkpoints } from './checkpoint.ts';
import { breakOf } from './continuity.ts';
import { postgresTrouble } from './postgres-trouble.ts';
import { ensurePublication } from './publication.ts';
import { beginning, recover, type Recovering } from './recover.ts';
import { Sender } from './sender.ts';
import {
  checkServer,
  type Identity,
  identify,
  lookAtServer,
  type Protocol,
  protocolFor,
  type Server,
  walEnd,
} from './server.ts';
import { alignFailover, createSlot, idleSlot, slotFault, unclaimed } from './slot.ts';
import { checkTables, lookAtTables, tablesOf } from './tables.ts';

export interface Preparing {
  readonly settings: SourceSettings;
  readonly stream: string;
  readonly contracts: ReadonlyMap<string, TableContract>;
  readonly checkpoints: Checkpoints;
  /** It has run before: a table that changed meanwhile concerns nobody but itself, and nobody is there to read. */
  readonly again?: boolean;
  /** Told before a recovery gives anything up. */
  readonly recovering: (recovering: Recovering) => void;
}

export interface Prepared {
  readonly from: Checkpoint;
  readonly head: bigint; // Where the WAL ended when it was looked at.
  readonly unknownColumns: readonly string[]; // Sealed and dropped until a contract names them.
  readonly serverVersion: number; // As the server counts: 180004 is 18.4.
  readonly protocol: Protocol;
  readonly senderTimeoutMs: number; // How long the server waits for a sign of life; 0 for ever.
  readonly standby: boolean; // In recovery: it cannot be written to.
  /** Nothing was captured through the slot yet: a first copy is due. True again until a checkpoint is recorded. */
  readonly created: boolean;
  /** Of a first copy that is due: only what differs is to be fetched. */
  readonly repair: boolean;
}

/**
 * Makes sure that the source can be captured, creating the publication and the slot if they are not
 * there, and tells where to begin. Whatever is in the way is said with its fix.
 */
export async function prepareSource(preparing: Preparing): Promise<Prepared> {
  const { settings } = preparing;
  const contracts = tablesOf(preparing.contracts);
  const db = databases.default({
    ...postgresLogin(settings.url),
    poolSize: 1,
    bigIntMode: 'string',
    onError: () => {},
  });
  try {
    const server = await lookAtServer(db);
    checkServer(server, settings.url);
    const protocol = protocolFor(server, settings);
    await using sender = await Sender.connect(settings.url);
    const identity = await identify(sender);
    const publishing = { publication: settings.publication, contracts };
    const unknownColumns = preparing.again
      ? (await lookAtTables(db, publishing)).unknownColumns
      : await checkTables(db, publishing);
    if (!preparing.again) await ensurePublication(db, publishing, server);
    const from = await startingPoint(db, preparing, { server, identity, sender });
    return {
      ...from,
      head: await walEnd(db),
      unknownColumns,
      serverVersion: server.version,
      protocol,
      senderTimeoutMs: server.senderTimeoutMs,
      standby: server.standby,
      repair: from.created && settings.recover === 'repair',
    };
  } catch (error) {
    throw postgresTrouble(error, 'source.url', settings.url);
  } finally {
    await db.dispose();
  }
}

type Start = Pick<Prepared, 'from' | 'created'>;

async function startingPoint(
  db: ConnectionPool,
  preparing: Preparing,
  {
    server,
    identity,
    sender,
  }: { readonly server: Server; readonly identity: Identity; readonly sender: Sender },
): Promise<Start> {
  const { settings, stream, checkpoints, recovering } = preparing;
  const slot = await idleSlot(db, settings.slot, server);
  const checkpoint = await checkpoints.read(stream); // Only now: whoever held the slot has written its last.
  const fault = slot && slotFault(slot, settings);
  if (fault) throw new CannotRun(fault);
  const create = async (begun: Checkpoint): Promise<Start> => {
    // The entry first: whoever dies between the two knows afterwards that the slot is its own.
    await checkpoints.write(stream, begun);
    const lsn = await createSlot(db, settings, server);
    return { from: { ...begun, lsn }, created: true };
  };
  const ours = checkpoint && (checkpoint.lsn > 0n || checkpoint.system === identity.system);
  if (slot && !ours) throw new CannotRun(unclaimed(settings.slot));
  if (!ours) return create(beginning(checkpoint, identity, false));

  const head = await walEnd(db);
  const standing = { slot, checkpoint, server: { head, standby: server.standby }, identity };
  const broken = breakOf(standing);
  if (broken) {
    await recover(db, broken, { standing, head, settings, told: recovering });
    return create(beginning(checkpoint, identity, broken.elsewhere));
  }
  if (!slot) return create(beginning(checkpoint, identity, false));
  await alignFailover(sender, slot, { settings, server });
  const created = checkpoint.lsn === 0n;
  const lsn = created ? slot.confirmed : checkpoint.lsn;
  return { from: { ...checkpoint, lsn, timeline: identity.timeline }, created };
}
