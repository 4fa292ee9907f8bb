import fc from 'fast-check';
import { expect, test } from 'vitest';
import { statusUpdate } from '../../../pipelines/wal/status-update.ts';

const y2k = Date.UTC(2000, 0, 1);

test('golden bytes of a standby status update', () => {
  const bytes = statusUpdate(0x16_b374_d1c8n, { nowMs: y2k + 1, replyRequested: true });
  expect(bytes.toString('hex')).toBe(
    '72' + '00000016b374d1c8'.repeat(3) + '00000000000003e8' + '01',
  );
});

test('the server is told exactly what was confirmed, three times over, and never one more', () => {
  fc.assert(
    fc.property(
      fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      fc.boolean(),
      (lsn, replyRequested) => {
        const bytes = statusUpdate(lsn, { nowMs: y2k, replyRequested });
        expect([1, 9, 17].map((at) => bytes.readBigUInt64BE(at))).toEqual([lsn, lsn, lsn]);
        expect(bytes[33]).toBe(replyRequested ? 1 : 0);
        expect(bytes.length).toBe(34);
      },
    ),
  );
});
