const semantic = /^v?(\d+)\.(\d+)\.(\d+)(?:[-+].*)?$/;

/** Whether a version tells by its first number that it breaks. */
export const isSemantic = (version: string): boolean => semantic.test(version);

/** Whether one version says of itself that it breaks what another promised. */
export function isNewMajor(version: string, before: string): boolean {
  const [, now] = semantic.exec(version) ?? [];
  const [, then] = semantic.exec(before) ?? [];
  return now !== undefined && then !== undefined && Number(now) > Number(then);
}
