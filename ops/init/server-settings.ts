import type { Server, ServerSetting } from './catalog.ts';
import type { Statement } from './statement.ts';

interface ServerSettings {
  readonly statements: readonly Statement[];
  readonly restart: readonly string[];
  readonly advice: readonly string[];
}

const sendersOfCapture = 2; // Its own, and the one before it while the server has not missed it yet.
const room = 4;

/** What the server's own settings lack for one more capture. */
export function serverSettings(server: Server, slot: string): ServerSettings {
  const { walLevel, replicationSlots, walSenders, slots, sendersInUse } = server;
  const isThere = slots.some(({ name }) => name === slot);
  const wanted = [
    walLevel.value !== 'logical' &&
      change('wal_level', walLevel, 'logical', `it is ${walLevel.value}, which tells no rows`),
    !isThere &&
      slots.length >= Number(replicationSlots.value) &&
      change(
        'max_replication_slots',
        replicationSlots,
        `${slots.length + room}`,
        `all ${replicationSlots.value} are taken`,
      ),
    Number(walSenders.value) - sendersInUse < sendersOfCapture &&
      change(
        'max_wal_senders',
        walSenders,
        `${sendersInUse + sendersOfCapture + room}`,
        `${sendersInUse} of ${walSenders.value} are taken`,
      ),
  ].filter((each) => each !== false);
  const elsewhere = server.rds || wanted.some(({ fixed }) => fixed);
  return {
    statements: elsewhere ? [] : wanted.map(({ statement }) => statement),
    restart: wanted.map(({ name }) => name),
    advice: [
      ...(elsewhere ? wanted.map((each) => by(each, server)) : []),
      ...keepSize(server, slot),
    ],
  };
}

interface Wanted {
  readonly name: string;
  readonly value: string;
  readonly fixed: boolean;
  readonly statement: Statement;
}

function change(
  name: string,
  { fixed, waits }: ServerSetting,
  value: string,
  reason: string,
): Wanted {
  const why = `${reason}${waits ? '; it was changed already, and waits' : ''}; needs a restart of PostgreSQL`;
  return { name, value, fixed, statement: { sql: `ALTER SYSTEM SET ${name} = ${value}`, why } };
}

/** How a setting is changed that ALTER SYSTEM cannot change. */
function by({ name, value, fixed }: Wanted, { rds }: Server): string {
  if (rds)
    return name === 'wal_level'
      ? 'In the parameter group set rds.logical_replication = 1, then reboot.'
      : `In the parameter group set ${name} = ${value}, then reboot.`;
  return fixed
    ? `Set ${name} = ${value} on the server's command line, where it is given now, then restart PostgreSQL.`
    : `ALTER SYSTEM SET ${name} = ${value}; then restart PostgreSQL.`;
}

const little = 1_024;

/** How much WAL a slot that nobody reads may hold is for the owner of the disk to say. */
function keepSize({ slotWalKeepSizeMb: mb }: Server, slot: string): readonly string[] {
  if (mb === -1)
    return [
      `max_slot_wal_keep_size is not set: while capture is stopped, slot ${slot} keeps WAL until the disk is full.`,
      'With a limit the server lets go of the slot instead, and the tables must be copied anew. To set one (no restart):',
      "  ALTER SYSTEM SET max_slot_wal_keep_size = '100GB'; SELECT pg_reload_conf();",
    ];
  return mb < little
    ? [
        `max_slot_wal_keep_size is ${mb} MB: a capture that is behind by more loses its slot. Consider more.`,
      ]
    : [];
}
