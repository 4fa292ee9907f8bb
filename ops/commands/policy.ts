import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { Command } from 'commander';
import { CannotRun } from '../../contracts/cannot-run.ts';
import {
  bundleFiles,
  type PolicyBundle,
  readBundle,
  shippedBundle,
} from '../../contracts/policy/bundle.ts';
import { loadPolicy } from '../../contracts/policy/policy.ts';
import { compilePolicies, findOpa, noOpa, testPolicies } from '../policy/opa.ts';
import { percent } from './numbers.ts';
import { rolloutCommands } from './policy-rollout.ts';

/** Adds `conductor policy`. */
export function policyCommands(program: Command): void {
  const policy = program
    .command('policy')
    .summary('what policies decide: compiling, testing, rolling out')
    .description('Compiles the policies, tests them, and rolls their revisions out.');
  policy
    .command('build')
    .summary('compile the policies to wasm')
    .description(
      'Compiles the policies of a folder into the bundle that is committed beside them. The same sources give the same bytes.',
    )
    .option('--policies <folder>', 'where the policies are', dirname(shippedBundle))
    .option('--out <folder>', 'where the bundle goes (default: bundle, in the folder of policies)')
    .option('--check', 'write nothing: exit 1 if the bundle is not what the sources give')
    .addHelpText('after', '\nExample:\n  conductor policy build --check')
    .action(async ({ policies, out = join(policies, 'bundle'), check }: BuildFlags) => {
      const bundle = await compilePolicies((await findOpa()) ?? fail(), resolve(policies));
      await loadPolicy(bundle);
      if (!check) await writeBundle(out, bundle);
      else if ((await readBundle(out)).digest !== bundle.digest)
        throw new CannotRun({
          what: `the bundle is not what its sources give, which is revision ${bundle.revision}`,
          where: out,
          fix: 'conductor policy build',
        });
      print(`${check ? 'as its sources give it: ' : ''}revision ${bundle.revision}`);
    });
  policy
    .command('test')
    .summary("run the policies' own tests")
    .description('Runs opa test, and refuses less coverage than is asked for.')
    .option('--policies <folder>', 'where the policies are', dirname(shippedBundle))
    .option('--coverage <percent>', 'how many lines of a hundred the tests must reach', percent, 95)
    .addHelpText('after', '\nExample:\n  conductor policy test')
    .action(async ({ policies, coverage: wanted }: TestFlags) => {
      const tested = await testPolicies((await findOpa()) ?? fail(), resolve(policies));
      for (const name of tested.failed) print(`failed: ${name}`);
      const { passed, failed, coverage } = tested;
      print(`${passed} passed, ${failed.length} failed, coverage ${coverage.toFixed(1)} %`);
      if (failed.length > 0 || coverage < wanted) process.exitCode = 1;
    });
  rolloutCommands(policy);
}

interface BuildFlags {
  readonly policies: string;
  readonly out?: string;
  readonly check?: boolean;
}

interface TestFlags {
  readonly policies: string;
  readonly coverage: number;
}

async function writeBundle(folder: string, bundle: PolicyBundle): Promise<void> {
  const { revision, digest, sources, wasm, dataText } = bundle;
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, bundleFiles.wasm), wasm);
  await writeFile(join(folder, bundleFiles.data), dataText);
  const head = JSON.stringify({ revision, digest, sources }, null, 2);
  await writeFile(join(folder, bundleFiles.head), `${head}\n`);
}

const fail = (): never => {
  throw noOpa();
};

const print = (line: string): void => void process.stdout.write(`${line}\n`);
