/** A browser's type that the registry client's HTTP library names; nothing here ever has one. */
interface XMLHttpRequest {
  readonly status: number;
}
