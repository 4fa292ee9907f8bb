import type { Config } from '../../contracts/config.ts';
import type { TableContract } from '../../contracts/contract.ts';
import type { PlannedContract } from '../../contracts/policy/plan.ts';
import { loadPolicy, type Policy } from '../../contracts/policy/policy.ts';
import type { Rollout } from '../../contracts/policy/rollout.ts';
import { type TablePlans, tablePlans } from '../../contracts/policy/table-plans.ts';
import { kafkaOptions } from '../../pipelines/topic/kafka.ts';
import { bundleAtFirst, readRollout } from './rollout-topic.ts';

/** A revision by its name: one that was rolled out, or the bundle that decides at first. */
export async function revisionOf(
  rollout: Rollout,
  config: Pick<Config, 'policy'>,
  revision: string | null,
): Promise<Policy> {
  const first = await bundleAtFirst(config);
  return loadPolicy(
    revision === null || revision === first.revision ? first : rollout.bundle(revision),
  );
}

/** What the active revision does to each table. */
export async function plansInUse(
  config: Config,
  contracts: ReadonlyMap<string, TableContract>,
): Promise<ReadonlyMap<string, TablePlans>> {
  const rollout = await readRollout(kafkaOptions(config, 'policy'), config);
  const policy = await revisionOf(rollout, config, rollout.state.active);
  return tablePlans(policy, contracts, config.govern);
}

/** The contracts as the active revision has them for everybody, in the form that govern publishes them in. */
export const contractsInUse = async (
  config: Config,
  contracts: ReadonlyMap<string, TableContract>,
): Promise<ReadonlyMap<string, PlannedContract>> =>
  new Map([...(await plansInUse(config, contracts))].map(([table, { form }]) => [table, form]));
