import type { Config } from '../../contracts/config.ts';
import type { Policy } from '../../contracts/policy/policy.ts';
import { Rollout } from '../../contracts/policy/rollout.ts';
import type { KafkaOptions } from '../../pipelines/topic/kafka.ts';
import { followTopic } from '../../pipelines/topic/follow.ts';
import { log } from '../log.ts';
import { revisionOf } from '../policy/active.ts';
import { InTurn } from '../policy/in-turn.ts';
import { ensurePolicyTopics, takeUp } from '../policy/rollout-topic.ts';
import { reasonOf } from '../worker/keep-running.ts';
import type { PolicyCounters } from '../worker/policy-counters.ts';

/** The policy that decides what may be read and done now. */
export interface LivePolicy extends AsyncDisposable {
  readonly now: () => Policy;
}

/**
 * Follows the topic of policies: a revision that is activated decides from the next call on. Of one that cannot be
 * loaded, the one before goes on, and `conductor_policy_failed` tells of it.
 */
export async function livePolicy(
  kafka: KafkaOptions,
  config: Config,
  counters: PolicyCounters,
): Promise<LivePolicy> {
  await ensurePolicyTopics(kafka, config);
  const rollout = new Rollout();
  let current: Policy | null = null;

  const load = async () => {
    const policy = await revisionOf(rollout, config, rollout.state.active);
    counters.failed('active', false);
    if (policy.revision === current?.revision) return;
    current = policy;
    counters.active(policy.revision);
    log.info({ policy: policy.revision }, 'policy in use');
  };
  const turns = new InTurn(() =>
    load().catch((error: unknown) => {
      counters.failed('active', true);
      log.error(
        { revision: rollout.state.active, goesOn: current?.revision, error: reasonOf(error) },
        'a revision of the policies cannot be used; the one before it goes on',
      );
    }),
  );
  const following = await followTopic(kafka, config.policy.topic, {
    take(records) {
      takeUp(rollout, records);
      turns.news();
    },
    lost: (error) =>
      log.warn({ error: reasonOf(error) }, 'policies are not followed; trying again'),
  });
  try {
    await turns.begin(load);
  } catch (error) {
    await following[Symbol.asyncDispose]();
    throw error;
  }
  return {
    now() {
      if (!current) throw new TypeError('no policy was loaded');
      return current;
    },
    async [Symbol.asyncDispose]() {
      await following[Symbol.asyncDispose]();
      await turns.end();
    },
  };
}
