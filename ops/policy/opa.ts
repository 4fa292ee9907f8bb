import { execFile } from 'node:child_process';
import { hash } from 'node:crypto';
import { glob, mkdtemp, readFile, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';
import { bundleOf, type PolicyBundle, PolicyFailure } from '../../contracts/policy/bundle.ts';
import { CannotRun } from '../../contracts/cannot-run.ts';

const run = promisify(execFile);

/** The version whose wasm is committed: another one may compile the same to other bytes. */
const version = '1.22.0';

const entrypoints = [
  'intelgraph/redact/redact',
  'intelgraph/policy/v2/plan',
  'intelgraph/policy/v2/decision',
  'intelgraph/policy/v2/allow',
];

/** The `opa` of this machine, on the path or where Go installs it; null if it has none of our version. */
export async function findOpa(): Promise<string | null> {
  const goBin = process.env['GOBIN'] ?? join(process.env['GOPATH'] ?? join(homedir(), 'go'), 'bin');
  for (const candidate of ['opa', join(goBin, 'opa')]) {
    const said = await run(candidate, ['version']).catch(() => null);
    if (said && /^Version: (\S+)$/m.exec(said.stdout)?.[1] === version) return candidate;
  }
  return null;
}

/** Compiles the policies of a folder to wasm: the same sources give the same bytes. */
export async function compilePolicies(opa: string, folder: string): Promise<PolicyBundle> {
  const scratch = await mkdtemp(join(tmpdir(), 'conductor-policy-'));
  try {
    const packed = join(scratch, 'bundle.tar.gz');
    // In the folder itself: the paths of its files become part of the wasm.
    await said(opa, ['check', '--strict', '--bundle', '.', '--ignore', 'bundle'], folder);
    await said(
      opa,
      [
        'build',
        '--target=wasm',
        '--bundle',
        '.',
        `--output=${packed}`,
        '--ignore=*_test.rego',
        '--ignore=bundle',
        ...entrypoints.flatMap((entrypoint) => ['--entrypoint', entrypoint]),
      ],
      folder,
    );
    await run('tar', ['-xzf', packed, '-C', scratch]);
    const wasm = await readFile(join(scratch, 'policy.wasm'));
    const dataText = await readFile(join(scratch, 'data.json'), 'utf8');
    return bundleOf({ wasm, dataText, sources: await sourcesOf(folder) }, folder);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** What the policies' own tests came to. */
export interface Tested {
  readonly passed: number;
  readonly failed: readonly string[]; // By name.
  readonly coverage: number; // In per cent of the lines of what is no test.
}

const verdicts = z.array(z.object({ name: z.string(), fail: z.boolean().default(false) }));
const covered = z.object({
  files: z.record(
    z.string(),
    z.object({ covered_lines: z.number().default(0), not_covered_lines: z.number().default(0) }),
  ),
});

/** Runs `opa test` on the policies of a folder. */
export async function testPolicies(opa: string, folder: string): Promise<Tested> {
  const asked = ['test', '--bundle', '.', '--ignore', 'bundle'];
  const answers = verdicts.parse(
    JSON.parse(await said(opa, [...asked, '--format', 'json'], folder, 'whatever it exits with')),
  );
  const failed = answers.filter(({ fail }) => fail).map(({ name }) => name);
  const passed = answers.length - failed.length;
  if (failed.length > 0) return { passed, failed, coverage: 0 };
  const { files } = covered.parse(JSON.parse(await said(opa, [...asked, '--coverage'], folder)));
  let lines = 0;
  let reached = 0;
  for (const [file, each] of Object.entries(files)) {
    if (file.endsWith('_test.rego')) continue;
    reached += each.covered_lines;
    lines += each.covered_lines + each.not_covered_lines;
  }
  return { passed, failed, coverage: lines === 0 ? 0 : (100 * reached) / lines };
}

/** The digest of what a bundle is compiled from. */
export async function sourcesOf(folder: string): Promise<string> {
  const names: string[] = [];
  for await (const name of glob('*.{rego,yaml}', { cwd: folder }))
    if (!name.endsWith('_test.rego')) names.push(name);
  const texts = names.sort().map(async (name) => {
    const text = await readFile(join(folder, name));
    return `${hash('sha256', text, 'hex')}  ${name}\n`;
  });
  return hash('sha256', (await Promise.all(texts)).join(''), 'hex');
}

/** Says what is to be done where a machine has no `opa`. */
export const noOpa = () =>
  new CannotRun({
    what: `there is no opa ${version} on this machine`,
    where: 'PATH, and where Go installs to',
    fix: `go install github.com/open-policy-agent/opa@v${version}`,
  });

async function said(
  opa: string,
  args: readonly string[],
  cwd: string,
  whatever?: 'whatever it exits with',
): Promise<string> {
  try {
    const { stdout } = await run(opa, [...args], { cwd, maxBuffer: 64 * 1024 * 1024 });
    return stdout;
  } catch (cause) {
    const { stdout, stderr } = cause as { readonly stdout?: string; readonly stderr?: string };
    if (whatever && stdout) return stdout;
    throw new PolicyFailure(
      {
        what: `the policies do not compile:\n${stderr?.trim() || stdout?.trim() || String(cause)}`,
        where: cwd,
        fix: 'correct what opa complains of, then conductor policy build',
      },
      { cause },
    );
  }
}
