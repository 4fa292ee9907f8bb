import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { makeExport } from '../../../ops/bench/proved-export.ts';
import { segmentFile } from '../../../ops/provenance/log-copy.ts';
import { verifierText } from '../../../schemas/signed-note.ts';
import { wanted } from './log-in-memory.ts';
import { smallExport } from './small-export.ts';

const home = mkdtempSync(join(tmpdir(), 'conductor-verify-'));
afterAll(() => rmSync(home, { recursive: true, force: true }));

const whole = join(home, 'whole');
const manifests = makeExport(whole, smallExport);
const keys = join(home, 'log.keys');
writeFileSync(keys, verifierText(wanted.trusted[0]!));

const cli = join(import.meta.dirname, '../../../ops/cli.ts');

test.each([
  ['an export that is sound', [], 0, /^log .*\nverified\n$/s, /^$/],
  ['a stream that is not there', ['--stream', 'pg.nobody'], 2, /^$/, /no segment of what was/],
  ['a place that is none', ['--from', 'yesterday'], 2, /^$/, /is no LSN/],
  ['a range', ['--stream', 'pg.people', '--from', '1', '--to', '0/500'], 0, /verified/, /^$/],
])('verify of %s', (_, args, code, said, complaint) => {
  const whom = ['--offline', whole, '--keys', keys];
  const ended = spawnSync(process.execPath, [cli, 'verify', 'provenance', ...whom, ...args], {
    encoding: 'utf8',
    cwd: home,
  });
  expect(ended.status, ended.stderr).toBe(code);
  expect(ended.stdout).toMatch(said);
  expect(ended.stderr).toMatch(complaint);
});

test('verify of an export that was tampered with exits 3, and says where', () => {
  const folder = join(home, 'told');
  cpSync(whole, folder, { recursive: true });
  rmSync(join(folder, segmentFile(manifests[3]!)));
  const args = ['verify', 'provenance', '--offline', folder, '--keys', keys];
  const ended = spawnSync(process.execPath, [cli, ...args], { encoding: 'utf8', cwd: home });
  expect(ended.status).toBe(3);
  expect(ended.stdout).toMatch(/bad   pg.orders\/000003: its records are missing/);
  expect(ended.stdout).toMatch(/NOT verified; the first bad segment is pg.orders\/000003\n$/);
});

test('verify of a folder that is not there is refused, and is no fault of a log', () => {
  const args = ['verify', 'provenance', '--offline', join(home, 'nowhere'), '--keys', keys];
  const ended = spawnSync(process.execPath, [cli, ...args], { encoding: 'utf8', cwd: home });
  expect(ended.status).toBe(1);
  expect(ended.stdout).toBe('');
  expect(ended.stderr).toMatch(/there is no such folder.*nowhere/s);
});
