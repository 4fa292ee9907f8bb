import type { Config } from '../../contracts/config.ts';
import type { Policy } from '../../contracts/policy/policy.ts';
import { Rollout } from '../../contracts/policy/rollout.ts';
import type { KafkaOptions } from '../../pipelines/topic/kafka.ts';
import { followTopic } from '../../pipelines/topic/follow.ts';
import { log } from '../log.ts';
import { revisionOf } from './active.ts';
import { InTurn } from './in-turn.ts';
import { ensurePolicyTopics, takeUp } from './rollout-topic.ts';
import { reasonOf } from '../worker/keep-running.ts';
import type { Counters } from '../worker/counters.ts';

/** The policy that decides what may be read and done now. */
export interface LivePolicy extends AsyncDisposable {
  readonly now: () => Policy;
}

/**
 * Follows the topic of policies: a revision that is activated decides from the next call on, and `before` that is shown
 * to whoever has to know. Of one that cannot be loaded, or shown, the one before goes on, and `conductor_policy_failed`
 * tells of it.
 */
export async function livePolicy(
  kafka: KafkaOptions,
  config: Config,
  { pipeline, policy: counters }: Pick<Counters, 'pipeline' | 'policy'>,
  before: (policy: Policy) => void = () => {},
): Promise<LivePolicy> {
  await ensurePolicyTopics(kafka, config);
  const rollout = new Rollout();
  let current: Policy | null = null;

  const load = async () => {
    const policy = await revisionOf(rollout, config, rollout.state.active);
    const isNew = policy.revision !== current?.revision;
    if (isNew) before(policy);
    counters.failed('active', false);
    if (!isNew) return;
    current = policy;
    counters.active(policy.revision);
    log.info({ pipeline, policy: policy.revision }, 'policy in use');
  };
  const turns = new InTurn(() =>
    load().catch((error: unknown) => {
      counters.failed('active', true);
      log.error(
        {
          pipeline,
          revision: rollout.state.active,
          goesOn: current?.revision,
          error: reasonOf(error),
        },
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
      log.warn({ pipeline, error: reasonOf(error) }, 'policies are not followed; trying again'),
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
