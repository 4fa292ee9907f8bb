#!/usr/bin/env node
// Plain JavaScript for the oldest Node that people have: it finds the project's own Node, and that runs the rest.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const oldestNode = 20;
const root = dirname(dirname(fileURLToPath(import.meta.url)));

if (Number(process.versions.node.split('.')[0]) < oldestNode) {
  fail(`Node ${oldestNode} or newer is needed; this is ${process.version}. See https://nodejs.org`);
}
if (isStale()) install();
run();

/** In a checkout: is what is installed something else than what package-lock.json asks for? */
function isStale() {
  const wanted = packagesIn(join(root, 'package-lock.json'));
  if (!wanted) return false;
  // npm writes this file last, so an installation that was interrupted has none.
  const installed = packagesIn(join(root, 'node_modules', '.package-lock.json'));
  if (!installed || !ownNode()) return true;
  return Object.entries(wanted).some(([path, { version, optional, dev, link }]) => {
    if (path === '' || link) return false;
    const found = installed[path];
    if (found) return found.version !== version;
    return !optional && !(dev && process.env.NODE_ENV === 'production');
  });
}

function packagesIn(path) {
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')).packages : undefined;
}

function install() {
  process.stderr.write('conductor: installing dependencies (once, about 500 MB)\n');
  const { status, error } = npm(isComplete() ? ['ci'] : ['install', '--no-save'], process.stderr);
  if (error) fail(`npm could not be started (${error.message}); install it along with Node`);
  if (status !== 0) fail(`npm failed in ${root}; see above`);
}

/**
 * Does the lock file name the packages of every platform? One written against a registry that lacks some
 * does not; npm ci refuses it, while npm install takes the same versions from it.
 */
function isComplete() {
  return npm(['ci', '--dry-run'], 'ignore').status === 0;
}

function npm(args, output) {
  // Only errors: npm warns that this Node is older than some packages want, but another one runs them.
  return spawnSync('npm', [...args, '--loglevel=error', '--no-audit', '--no-fund'], {
    cwd: root,
    // Standard output belongs to the command itself, which may print JSON.
    stdio: ['ignore', output, output],
  });
}

function run() {
  const node = ownNode();
  if (!node)
    fail(`the package "node" is not installed in ${root}; install again with scripts allowed`);
  const source = join(root, 'ops', 'cli.ts');
  const cli = existsSync(source) ? source : join(root, 'dist', 'ops', 'cli.js');
  const args = process.argv.slice(2);
  const flags = args[0] === 'run' ? workerFlags(args) : [];
  // What was read and compiled once need not be again: a third of a command's start.
  const cache = join(root, 'node_modules', '.cache', 'conductor');
  const env = { NODE_COMPILE_CACHE: cache, ...process.env };
  const child = spawn(node, [...flags, cli, ...args], { stdio: 'inherit', env });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => {
      // What a terminal sends reaches the child by itself, and a second one means "at once".
      if (signal === 'SIGTERM' || !hasTerminal()) child.kill(signal);
    });
  }
  child.once('error', (error) => fail(`${node} could not be started: ${error.message}`));
  child.once('exit', (code, signal) => {
    process.exitCode = code ?? 128 + constants.signals[signal];
  });
}

/** What keeps a worker's heap small, whatever memory the machine has. Of several pipelines in one, those of any. */
function workerFlags([, first, next = '-']) {
  const flags = JSON.parse(readFileSync(join(root, 'bin', 'worker-flags.json'), 'utf8'));
  return (next.startsWith('-') && flags[first]) || flags.any;
}

function hasTerminal() {
  return process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY;
}

/** The Node that npm installed, beside this package or above it; undefined if there is none. */
function ownNode() {
  try {
    const require = createRequire(join(root, 'package.json'));
    const path = join(dirname(require.resolve('node/package.json')), 'bin', 'node');
    return existsSync(path) ? path : undefined;
  } catch {
    return undefined;
  }
}

function fail(message) {
  process.stderr.write(`conductor: ${message}\n`);
  process.exit(1);
}
