/** One thing that was looked at, and what to do about it. */
export type Verdict = 'ok' | 'warn' | 'fail'
/** `action` is empty where there is nothing to do. */
export type Check = {
  readonly name: string
  readonly verdict: Verdict
  readonly detail: string
  readonly action: string
}

export function check(name: string, verdict: Verdict, detail: string, action = ''): Check {
  return { name, verdict, detail, action }
}
