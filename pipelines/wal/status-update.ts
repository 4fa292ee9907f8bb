const epochMicros = 946_684_800_000_000n;

/**
 * The standby status update that tells the server what it may forget: exactly what was confirmed, as
 * received, flushed and applied alike. Never what was merely received, never one more.
 */
export function statusUpdate(
  confirmed: bigint,
  { nowMs, replyRequested }: { readonly nowMs: number; readonly replyRequested: boolean },
): Buffer {
  const message = Buffer.alloc(34);
  message.write('r', 0);
  message.writeBigUInt64BE(confirmed, 1);
  message.writeBigUInt64BE(confirmed, 9);
  message.writeBigUInt64BE(confirmed, 17);
  message.writeBigInt64BE(BigInt(nowMs) * 1_000n - epochMicros, 25);
  message.writeUInt8(replyRequested ? 1 : 0, 33);
  return message;
}
