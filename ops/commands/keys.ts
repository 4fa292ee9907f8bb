import { type Command, Option } from 'commander';
import { type Config, loadConfig } from '../../contracts/config.ts';
import { administerKeyring } from '../../contracts/keys/open-keyring.ts';
import { destroyedText } from '../keys/destroyed-text.ts';
import { ownerOf, ownersOf } from '../keys/owners.ts';
import { rotateTokens } from '../keys/rotate-tokens.ts';
import { secretIn } from '../keys/secret-file.ts';
import { statusText } from '../keys/status-text.ts';
import { readContracts } from '../worker/setting.ts';
import { configFile, configOption } from './config-file.ts';
import { UsageError } from './usage-error.ts';

interface Flags {
  readonly config?: string;
  readonly json?: boolean;
  readonly level?: 'root' | 'tenant' | 'subject';
  readonly tenant?: string;
  readonly table?: string;
  readonly subject?: string;
  readonly to?: string;
  readonly finish?: boolean;
  readonly yes?: boolean;
  readonly rotateTenant?: boolean;
}

/** Adds `conductor keys`. */
export function keysCommands(program: Command): void {
  const keys = program
    .command('keys')
    .summary('the keys that rows are sealed with: what there is, rotating and destroying them')
    .addHelpText(
      'after',
      '\nAll of it beside running workers; ops/runbooks/keys.md says when to do what.',
    );
  for (const name of ['list', 'status'] as const)
    keys
      .command(name)
      .summary(
        name === 'list'
          ? 'the tenants, their keys and how old they are'
          : 'how many keys there are',
      )
      .description('Counts keys. A tenant is named; a subject never is.')
      .addOption(configOption())
      .option('--json', 'one JSON object')
      .addHelpText('after', `\nExample:\n  conductor keys ${name}`)
      .action((flags: Flags) => show(name, flags));
  addRotate(keys);
  addDestroy(keys);
  keys
    .command('rotate-tokens')
    .summary('a new token key of a tenant: a migration, for every token of its changes')
    .description(
      'Makes the next version of a token key, and asks for every table with tokens to be copied anew in place of what was captured of it. Neither workers nor the API may run meanwhile.',
    )
    .requiredOption('--tenant <tenant>', 'whose tokens')
    .option('--yes', 'without it, what would be done is told, and nothing is')
    .addOption(configOption())
    .option('--json', 'one JSON object')
    .addHelpText('after', '\nExample:\n  conductor keys rotate-tokens --tenant 7 --yes')
    .action(async ({ tenant = '', yes = false, json, config: file }: Flags) => {
      const config = await loadConfig(await configFile(file));
      const done = await rotateTokens(config, await readContracts(config), { tenant, yes });
      print(json ? JSON.stringify(done) : done.text);
    });
}

function addRotate(keys: Command): void {
  keys
    .command('rotate')
    .summary('a new version of the root key, of a tenant’s key, or of a subject’s')
    .description(
      'Root: tenants’ keys are wrapped anew. Tenant: its subjects’ keys are wrapped anew, and the old key is destroyed. Subject: new boxes have a new key, and old ones still open.',
    )
    .addOption(
      new Option('--level <level>', 'which')
        .choices(['root', 'tenant', 'subject'])
        .makeOptionMandatory(),
    )
    .option('--tenant <tenant>', 'whose key; at level tenant, all if it is left out')
    .option('--table <table>', 'the table that the subject is a row of')
    .option(
      '--subject <id>',
      'the subject’s value; at level subject, all of the tenant if it is left out',
    )
    .option('--to <file>', 'the new root key, 64 hex digits; written if there is no such file')
    .option(
      '--finish',
      'after a rotation of the root key: nothing older opens the keyring any more',
    )
    .addOption(configOption())
    .option('--json', 'one JSON object')
    .addHelpText(
      'after',
      `
Examples:
  conductor keys rotate --level root --to new-root.key
  conductor keys rotate --level root --finish
  conductor keys rotate --level tenant --tenant 7
  conductor keys rotate --level subject --tenant 7 --table public.customers --subject 42`,
    )
    .action(rotate);
}

function addDestroy(keys: Command): void {
  keys
    .command('destroy')
    .summary('erase a subject: every copy of what was sealed for it becomes unreadable')
    .description(
      'Destroys every key that the subject has had, in topics, letters, spill files and backups alike. What arrives after is dropped and counted. There is no way back.',
    )
    .requiredOption('--table <table>', 'the table that the subject is a row of')
    .requiredOption('--subject <id>', 'its value in the subject column')
    .option(
      '--tenant <tenant>',
      'the value of the tenant column; left out where no table of the subject has one',
    )
    .option(
      '--no-rotate-tenant',
      'leave the tenant’s key: copies of subjects.ring then still have the subject’s',
    )
    .option('--yes', 'without it, what would be done is told, and nothing is')
    .addOption(configOption())
    .option('--json', 'one JSON object')
    .addHelpText(
      'after',
      '\nExample:\n  conductor keys destroy --tenant 7 --table public.customers --subject 42 --yes',
    )
    .action(destroy);
}

async function show(name: 'list' | 'status', { config: file, json }: Flags): Promise<void> {
  const config = await loadConfig(await configFile(file));
  using admin = await administerKeyring(config.keyring);
  const { tenants, ...counts } = admin.status();
  const shown = name === 'list' ? { ...counts, tenants } : { ...counts, tenants: tenants.length };
  print(json ? JSON.stringify(shown) : statusText(counts, tenants, name));
}

async function rotate(flags: Flags): Promise<void> {
  const { level, tenant, table, subject, json } = checked(flags);
  const config = await loadConfig(await configFile(flags.config));
  if (level === 'root') return rotateRoot(config, flags);
  using admin = await administerKeyring(config.keyring);
  if (level === 'tenant') {
    const rewrapped = await admin.rotateTenant(tenant ?? null);
    return tell(json, { level, rewrapped }, `${rewrapped} keys of subjects are wrapped anew`);
  }
  const rotated =
    subject === undefined || table === undefined
      ? await admin.rotateSubjectsOf(tenant ?? null)
      : await admin.rotateSubject(ownerOf(await readContracts(config), { tenant, table, subject }));
  tell(json, { level, rotated }, `${rotated} subjects have a new key; old boxes open as before`);
}

async function rotateRoot(config: Config, { to, finish, json }: Flags): Promise<void> {
  if (finish) {
    using admin = await administerKeyring(config.keyring);
    await admin.retireRoot();
    return tell(
      json,
      { level: 'root', finished: true },
      'nothing but the newest root key opens the keyring',
    );
  }
  if (config.keyring.kms === undefined && to === undefined)
    throw new UsageError('say where the new root key is, or is to be written: --to FILE');
  if (config.keyring.kms !== undefined && to !== undefined)
    throw new UsageError(
      'the root key is in a KMS, which makes the new one itself: leave --to out',
    );
  using admin = await administerKeyring(
    config.keyring,
    to === undefined ? null : await secretIn(to, `--to ${to}`),
  );
  await admin.rotateRoot();
  const next =
    to === undefined
      ? 'the root key has a new version, and wraps all keys of tenants'
      : `all keys of tenants are wrapped by the root key in ${to}: put it into keyring.rootKey; workers that run go on`;
  tell(
    json,
    { level: 'root', finished: false },
    `${next}\nwhen every worker was started with it: conductor keys rotate --level root --finish`,
  );
}

async function destroy({
  tenant,
  table = '',
  subject = '',
  yes,
  rotateTenant = true,
  ...flags
}: Flags) {
  const config = await loadConfig(await configFile(flags.config));
  const owners = ownersOf(await readContracts(config), { tenant, table, subject });
  if (!yes)
    return tell(
      flags.json,
      { versions: null, rewrapped: null }, // Nothing was done.
      `would destroy every key of this subject of ${owners[0]?.domain}, for ever${rotateTenant ? ', and replace the key of its tenant' : ''}; say --yes`,
    );
  using admin = await administerKeyring(config.keyring);
  let [versions, rewrapped] = [0, 0];
  for (const owner of owners) {
    const destroyed = await admin.destroy(owner, { rotate: rotateTenant });
    versions += destroyed.versions;
    rewrapped += destroyed.rewrapped;
  }
  tell(flags.json, { versions, rewrapped }, destroyedText({ versions, rewrapped }));
}

function checked(flags: Flags): Flags {
  const { level, tenant, table, subject, to, finish } = flags;
  if (level !== 'root' && (to !== undefined || finish))
    throw new UsageError('--to and --finish belong to --level root: leave them out');
  if (level === 'root' && (tenant ?? table ?? subject) !== undefined)
    throw new UsageError(
      'the root key is of all tenants: leave --tenant, --table and --subject out',
    );
  if (finish && to !== undefined)
    throw new UsageError('--finish ends a rotation that --to began: say one of them');
  if ((table === undefined) !== (subject === undefined))
    throw new UsageError('a subject is named by --table and --subject together');
  if (level === 'tenant' && subject !== undefined)
    throw new UsageError('a subject’s key is rotated with --level subject');
  if (level === 'subject' && subject === undefined && tenant === undefined)
    throw new UsageError('say whose keys: --tenant, and --table and --subject for one of them');
  return flags;
}

const tell = (json: boolean | undefined, object: object, text: string): void =>
  print(json ? JSON.stringify(object) : text);

const print = (line: string): void => void process.stdout.write(`${line}\n`);
