import { tracingChannel } from 'node:diagnostics_channel';
import type { Consumer } from '@platformatic/kafka';
import { CannotRun } from '../../contracts/cannot-run.ts';
import { brokersSaid } from './protocol-error.ts';

/** A place in a group that is kept by its name while nobody has it. */
export interface NamedMember {
  /** Goes without a word to the group: who comes back under the name in time has the same lanes, and nobody else is told. */
  rest(): Promise<void>;
}

const heartbeats = tracingChannel<unknown, object>('plt:kafka:consumer:heartbeat');

/**
 * Watches whether another has come under the name: the brokers tell who had it before with a heartbeat. The client
 * would take the name back at once, and so would the other, for ever; so whoever is told goes, before the client does that.
 */
export function namedMember(
  consumer: Consumer,
  name: string,
  fail: (error: Error) => void,
): NamedMember {
  const rest = async () => {
    heartbeats.error.unsubscribe(told);
    consumer.memberId = null; // Without it the client has nothing to leave the group with.
    await new Promise<void>((resolve, reject) => {
      consumer.leaveGroup(true, (error) => (error ? reject(error) : resolve()));
    });
  };
  const told = (message: unknown) => {
    if (typeof message !== 'object' || message === null) return;
    if (!('client' in message) || message.client !== consumer || !('error' in message)) return;
    if (!brokersSaid(message.error, 'FENCED_INSTANCE_ID')) return;
    fail(
      new CannotRun({
        what: `another worker of group ${consumer.groupId} has the name ${name}`,
        where: `kafka.member = ${name}`,
        fix: 'give each worker that runs a name of its own, for example that of its pod',
      }),
    );
    rest().catch(fail);
  };
  heartbeats.error.subscribe(told);
  return { rest };
}
