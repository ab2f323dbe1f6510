import { strict as assert } from 'node:assert'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openLogSource } from '../../../auditor/log-source.ts'
import { isCoded } from '../../../enclave/protocol/errors.ts'

describe('auditor: where the log is read from', () => {
  const folder = mkdtempSync(join(tmpdir(), 'log-'))
  after(() => rmSync(folder, { recursive: true }))

  it('tells a file that is not there from a folder that is not there', async () => {
    assert.equal(await openLogSource(folder).read('checkpoint'), undefined)
    await assert.rejects(openLogSource(join(folder, 'none')).read('checkpoint'), (error) =>
      isCoded(error, 'AUDIT_STORE'),
    )
  })
})
