import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';

test('a breaking change that no version announces says who accepts it where', () => {
  const folder = mkdtempSync(join(tmpdir(), 'conductor-contract-'));
  try {
    const now = 'contracts/tables/orders.yaml';
    const before = join(folder, 'orders.yaml');
    writeFileSync(before, readFileSync(now, 'utf8').replaceAll('value: keep', 'value: tokenise'));
    const args = ['bin/conductor.js', 'contract', 'diff', before, now];
    const { status, stdout } = spawnSync(process.execPath, args, { encoding: 'utf8' });
    expect(status).toBe(1);
    expect(stdout).toMatch(/say --accept here, and conductor contract accept for workers$/m);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
