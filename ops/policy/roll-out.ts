import { CannotRun } from '../../contracts/cannot-run.ts';
import type { Config } from '../../contracts/config.ts';
import type { TableContract } from '../../contracts/contract.ts';
import { bundleText, type PolicyBundle, PolicyFailure } from '../../contracts/policy/bundle.ts';
import { conflictsOf, type TableConflict } from '../../contracts/policy/conflicts.ts';
import { type IdleRule, idleRules } from '../../contracts/policy/idle-rules.ts';
import { loadPolicy, type Policy } from '../../contracts/policy/policy.ts';
import { refuseRekeyed } from '../../contracts/policy/rekeyed.ts';
import {
  bundleKey,
  type PolicyState,
  type Rollout,
  stateKey,
} from '../../contracts/policy/rollout.ts';
import { tablePlans } from '../../contracts/policy/table-plans.ts';
import type { KafkaOptions } from '../../pipelines/topic/kafka.ts';
import { revisionOf } from './active.ts';
import { bundleAtFirst, ensurePolicyTopics, readRollout, writeKeyed } from './rollout-topic.ts';

/** Where revisions roll out, and what they must be able to plan. */
export interface RollingOut {
  readonly config: Config;
  readonly kafka: KafkaOptions;
  readonly contracts: ReadonlyMap<string, TableContract>;
}

/** A revision that may be rolled out, and what of it a person should know. */
export interface Checked {
  readonly revision: string;
  readonly conflicts: readonly TableConflict[];
  readonly idle: readonly IdleRule[];
}

/** Publishes a bundle for others to activate; refuses one that govern could not use. */
export async function publish(to: RollingOut, bundle: PolicyBundle): Promise<Checked> {
  const checked = check(to, await loadPolicy(bundle));
  await ensurePolicyTopics(to.kafka, to.config);
  await writeKeyed(to.kafka, to.config.policy.topic, [
    [bundleKey(bundle.revision), bundleText(bundle)],
  ]);
  return checked;
}

/** Has a revision decide from now on; the one that ran beside as its shadow runs no more. */
export async function activate(to: RollingOut, revision: string): Promise<Checked> {
  const rollout = await readRollout(to.kafka, to.config);
  const next = await revisionOf(rollout, to.config, revision);
  const checked = check(to, next);
  await refuseOtherKeys(to, rollout, next);
  const { shadow } = rollout.state;
  await setState(to, { active: revision, shadow: shadow === revision ? null : shadow });
  return checked;
}

/** By what could not be used no row has its key. */
async function refuseOtherKeys(
  { config, contracts }: RollingOut,
  rollout: Rollout,
  next: Policy,
): Promise<void> {
  const planned = (policy: Policy) => ({
    revision: policy.revision,
    plans: tablePlans(policy, contracts, config.govern),
  });
  const inUse = await revisionOf(rollout, config, rollout.state.active)
    .then(planned)
    .catch((error: unknown) => {
      if (error instanceof PolicyFailure) return null;
      throw error;
    });
  if (inUse) refuseRekeyed(inUse, planned(next));
}

/** Has a revision run beside the active one, or none. It may be broken: it changes nothing but its report. */
export async function runBeside(to: RollingOut, revision: string | null): Promise<void> {
  const { state, revisions } = await readRollout(to.kafka, to.config);
  const first = await bundleAtFirst(to.config);
  if (revision !== null && revision !== first.revision && !revisions.includes(revision))
    throw new CannotRun({
      what: `there is no revision ${revision} of the policies`,
      where: to.config.policy.topic,
      fix: 'conductor policy list shows those that are published; conductor policy publish adds one',
    });
  await setState(to, { ...state, shadow: revision });
}

/** A revision of the policies, and what it is for now. */
export interface Listed {
  readonly revision: string;
  readonly role: 'active' | 'shadow' | null;
  readonly origin: 'published' | 'bundle'; // In the topic, or what workers come with.
}

/** All revisions that could decide. */
export async function listed({ config, kafka }: RollingOut): Promise<readonly Listed[]> {
  const { state, revisions } = await readRollout(kafka, config);
  const first = (await bundleAtFirst(config)).revision;
  const active = state.active ?? first;
  const all = [first, ...revisions.filter((revision) => revision !== first)];
  return all.map((revision) => ({
    revision,
    role: revision === active ? 'active' : revision === state.shadow ? 'shadow' : null,
    origin: revisions.includes(revision) ? 'published' : 'bundle',
  }));
}

const setState = ({ kafka, config }: RollingOut, state: PolicyState): Promise<void> =>
  writeKeyed(kafka, config.policy.topic, [[stateKey, JSON.stringify(state)]]);

/** Plans every table as govern would; throws `PolicyFailure` where it could not. */
function check({ config, contracts }: RollingOut, policy: Policy): Checked {
  tablePlans(policy, contracts, config.govern);
  const conflicts = conflictsOf(policy, contracts, config.govern);
  return { revision: policy.revision, conflicts, idle: idleRules(policy.data, contracts) };
}
