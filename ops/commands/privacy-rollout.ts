import { readFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { type Command, Option } from 'commander';
import { CannotRun } from '../../contracts/cannot-run.ts';
import { type Config, loadConfig } from '../../contracts/config.ts';
import { wordsOf } from '../../contracts/error-words.ts';
import { ownPool, partFrom } from '../../pipelines/wal/own-pool.ts';
import { postgresTrouble } from '../../pipelines/wal/postgres-trouble.ts';
import { readerOf } from '../gateway/reader-of.ts';
import { redOf } from '../rollout/monitors.ts';
import { redactionRulesIn } from '../rollout/redaction-rules.ts';
import { type Rollout, rolloutIn, type RolloutState } from '../rollout/rollout.ts';
import { readMonitors, refuseRed, runWave, type Waved } from '../rollout/run-wave.ts';
import { waves } from '../rollout/wave.ts';
import { readContracts } from '../worker/setting.ts';
import { configFile, configOption } from './config-file.ts';
import { UsageError } from './usage-error.ts';

type WaveFlags = Pick<Flags, 'dryRun' | 'json'> & {
  readonly to: 'shadow' | 'on';
  readonly tenants: readonly string[];
};

interface LiftFlags extends Pick<Flags, 'config' | 'json' | 'tenant'> {
  readonly field: string;
  readonly tier: string;
  readonly allTenants?: boolean;
}

interface Flags {
  readonly config?: string;
  readonly json?: boolean;
  readonly wave?: (typeof waves)[number];
  readonly tenant?: string;
  readonly to?: RolloutState;
  readonly tenants?: string;
  readonly dryRun?: boolean;
}

/** Adds `conductor privacy rollout` and `conductor privacy lift`. */
export function rolloutCommands(privacy: Command): void {
  privacy
    .command('rollout')
    .summary('for which tenants policies hold when rows are read: who is off, in shadow, on')
    .description(
      'Lists the tenants, moves one, or moves a wave: the first so many of a hundred, in an order that never changes. Refuses to move anybody on while a monitor is red.',
    )
    .addOption(new Option('--wave <percent>', 'how many of a hundred tenants').choices(waves))
    .option('--tenant <tenant>', 'this tenant alone')
    .addOption(
      new Option('--to <state>', 'where to move them (default: on)').choices([
        'off',
        'shadow',
        'on',
      ]),
    )
    .option('--tenants <file>', 'all tenants there are, one a line (default: those of what rests)')
    .option('--dry-run', 'tell who would move, and what monitors say; move nobody')
    .addOption(configOption())
    .option('--json', 'one JSON object')
    .addHelpText(
      'after',
      '\nExamples:\n  conductor privacy rollout --wave 70 --to shadow --dry-run\n  conductor privacy rollout --tenant 7 --to off',
    )
    .action(rollOut);
  privacy
    .command('lift')
    .summary('take back what setRedactionRule ordered')
    .description(
      'Takes one order back: that of a tenant, or that for all tenants. Who gave it and who lifted it is kept. Exits with 1 where there was none.',
    )
    .requiredOption('--field <field>', 'schema, table and column')
    .requiredOption('--tier <tier>', 'the tier that it was ordered for')
    .option('--tenant <tenant>', 'the tenant that it was ordered for')
    .option('--all-tenants', 'it was ordered for all tenants')
    .addOption(configOption())
    .option('--json', 'one JSON object')
    .addHelpText(
      'after',
      '\nExample:\n  conductor privacy lift --field public.customers.country --tier support --tenant 7',
    )
    .action(lift);
}

async function lift({ field, tier, tenant, allTenants = false, ...flags }: LiftFlags) {
  if ((tenant === undefined) !== allTenants)
    throw new UsageError(
      'say whose order: --tenant T, or --all-tenants for one that holds for all',
    );
  const config = await loadConfig(await configFile(flags.config));
  const rule = { field, tier, tenant: tenant ?? null };
  const lifted = await inState(config, async (db) =>
    (await redactionRulesIn(db)).lift(rule, userInfo().username),
  );
  if (!lifted) process.exitCode = 1;
  if (flags.json) print(JSON.stringify({ lifted }));
  else
    print(lifted ? 'lifted' : `nothing was lifted: no such order is in force for ${whose(rule)}`);
}

const whose = ({ tenant }: { readonly tenant: string | null }) =>
  tenant === null ? 'all tenants' : `tenant ${tenant}`;

async function rollOut(flags: Flags): Promise<void> {
  const { wave, tenant, to = 'on' } = flags;
  refuseMisused(flags);
  const config = await loadConfig(await configFile(flags.config));
  const tenants = wave === undefined ? [] : await tenantsOf(config, flags);
  await inState(config, async (db) => {
    const rollout = await rolloutIn(db);
    if (wave !== undefined && to !== 'off')
      await moveWave(config, rollout, { ...flags, to, tenants }, Number(wave));
    else if (tenant !== undefined) await moveOne(config, rollout, { ...flags, tenant, to });
    else await list(rollout, flags);
  });
}

function refuseMisused({ wave, tenant, to, tenants, dryRun }: Flags): void {
  if (wave !== undefined && tenant !== undefined)
    throw new UsageError('say --wave or --tenant, not both');
  if (wave === undefined && tenants !== undefined)
    throw new UsageError('--tenants names those that a wave is of: say --wave');
  if (wave === undefined && tenant === undefined && (to !== undefined || dryRun))
    throw new UsageError('say who moves: --wave 70|90|100, or --tenant T');
  if (wave !== undefined && to === 'off')
    throw new UsageError('a wave moves on; --tenant T --to off takes one back');
}

async function moveWave(
  config: Config,
  rollout: Rollout,
  { to, tenants, dryRun = false, json }: WaveFlags,
  percent: number,
): Promise<void> {
  const by = userInfo().username;
  const waved = await runWave(rollout, config.api, { percent, to, tenants, by, isDry: dryRun });
  if (json) print(JSON.stringify(waved));
  else for (const line of linesOf(waved)) print(line);
}

function linesOf({ tenants, chosen, moves, to, monitors, red, isDry }: Waved): readonly string[] {
  return [
    `${chosen} of ${tenants} tenants are in the wave; ${moves.length} ${isDry ? 'would move' : 'moved'} to ${to}`,
    ...moves.map((tenant) => `  ${tenant}`),
    ...monitors.map(({ name, states }) => {
      const said = states.length === 0 ? 'nobody tells' : 'green';
      return `${name.padEnd(22)} ${states.some((each) => each.red) ? 'red' : said}`;
    }),
    ...red.map((why) => `red: ${why}`),
  ];
}

async function moveOne(
  { api }: Config,
  rollout: Rollout,
  { tenant, to, dryRun, json }: Flags & { readonly tenant: string; readonly to: RolloutState },
): Promise<void> {
  const { state } = await rollout.of(tenant);
  const order: readonly RolloutState[] = ['off', 'shadow', 'on'];
  if (!dryRun && order.indexOf(to) > order.indexOf(state))
    refuseRed(redOf(await readMonitors(api.monitors)));
  const by = userInfo().username;
  if (!dryRun) await rollout.move({ tenants: [tenant], state: to, by, why: 'one tenant' });
  const verb = dryRun ? 'would move' : 'moves';
  print(
    json ? JSON.stringify({ tenant, from: state, to }) : `${tenant} ${verb} from ${state} to ${to}`,
  );
}

async function list(rollout: Rollout, { json }: Flags): Promise<void> {
  const tenants = await rollout.all();
  if (json) return print(JSON.stringify({ tenants }));
  for (const { tenant, state, changedBy, changedAt } of tenants)
    print(`${state.padEnd(7)} ${tenant}  ${changedBy}, ${changedAt?.toISOString()}`);
  if (tenants.length === 0) print('every tenant is off');
}

const tenantsOf = (config: Config, { tenants: file }: Flags): Promise<readonly string[]> =>
  file === undefined ? restingTenants(config) : listed(file);

/** The tenants that have rows where they rest. */
async function restingTenants(config: Config): Promise<readonly string[]> {
  const contracts = await readContracts(config);
  await using reader = readerOf(config, contracts);
  const found = new Set<string>();
  for (const contract of contracts.values()) {
    const rule = contract.columns.find(({ name }) => name === contract.tenant)?.rule;
    if (rule === 'keep' && !contract.outbox)
      for (const tenant of await reader.tenants(contract).catch(notRead)) found.add(tenant);
  }
  return [...found];
}

function notRead(cause: unknown): never {
  throw new CannotRun(
    {
      what: `the tenants of what rests cannot be read: ${wordsOf(cause)}`,
      where: 'sinks, of which api.from names the one that is read',
      fix: 'start that server, or correct its settings; or name the tenants: --tenants FILE',
    },
    { cause },
  );
}

const listed = async (file: string): Promise<readonly string[]> =>
  (
    await readFile(file, 'utf8').catch(() => {
      throw new UsageError(`${file} cannot be read; name a file with one tenant a line`);
    })
  )
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');

async function inState<T>(
  { state }: Config,
  what: (db: ReturnType<typeof ownPool>) => Promise<T>,
): Promise<T> {
  const db = ownPool(state.url, { name: 'conductor privacy', size: 2 });
  try {
    return await what(db);
  } catch (error) {
    throw postgresTrouble(error, 'state.url', state.url);
  } finally {
    await partFrom(db);
  }
}

const print = (line: string): void => void process.stdout.write(`${line}\n`);
