import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { stringify } from 'yaml';

test('what destroying would do is told as JSON where that is asked for, and nothing is done', () => {
  const folder = mkdtempSync(join(tmpdir(), 'conductor-keys-'));
  try {
    const config = {
      database: 'shop',
      source: { url: 'postgres://localhost/shop' },
      state: { url: 'postgres://localhost/conductor' },
      kafka: { brokers: ['localhost:9092'] },
      registry: { url: 'http://localhost' },
      contracts: resolve('contracts/tables'),
      keyring: { directory: 'keys', rootKey: 'ab'.repeat(32) },
    };
    const file = join(folder, 'conductor.yaml');
    writeFileSync(file, stringify(config));
    const subject = ['--tenant', '7', '--table', 'public.customers', '--subject', '42'];
    const args = ['bin/conductor.js', 'keys', 'destroy', ...subject, '--config', file, '--json'];
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
    expect(status, stderr).toBe(0);
    expect(JSON.parse(stdout)).toEqual({ versions: null, rewrapped: null });
    expect(existsSync(join(folder, 'keys'))).toBe(false);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
