import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { ZERO_ADDRESS, ZERO_HASH } from '../../enclave/protocol/ids.ts'
import { openAuditLog } from '../../host/audit-log.ts'
import { pathsOf } from '../../host/paths.ts'

describe('a crash between the size and the checkpoint of a publication', () => {
  const folder = mkdtempSync(join(tmpdir(), 'checkpoint-'))
  after(() => rmSync(folder, { recursive: true }))

  it('leaves a checkpoint that the next run writes, and that no older commit takes back', async () => {
    const paths = pathsOf(folder)
    mkdirSync(paths.audit, { recursive: true })
    writeFileSync(join(paths.audit, 'size.json'), JSON.stringify({ size: 5, root: ZERO_HASH }))
    const log = openAuditLog(paths)
    const commit = { session: ZERO_ADDRESS, logSize: 5, logRoot: ZERO_HASH, checkpoint: 'five' }
    await log.publish(commit)
    await log.publish({ ...commit, checkpoint: undefined })
    await log.publish({ ...commit, logSize: 4, checkpoint: 'four' })
    expect(readFileSync(join(paths.audit, 'checkpoint'), 'utf8')).to.equal('five')
  })
})
