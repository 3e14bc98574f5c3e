/** Watches the sound of a leg and tells the service, now and then and at its end. */
import { phoneApi, type QualityReport } from '@/api/phone'
import { Quality, sampleOf, type Limits, type Sample, type Sign } from './quality'

const EVERY_MS = 2_000
const TELL_EVERY = 8 // samples
const UNTOLD_MAX = 20

export interface Watched {
  connection: RTCPeerConnection | null
  leg: string
  /** Of the call; '' while no card is known for it. */
  popId: string
  muted: boolean
}

export class SoundBooks {
  private timer = 0
  private quality = new Quality()
  private leg = ''
  private popId = ''
  private samples = 0
  private untold: QualityReport[] = []

  constructor(
    private readonly watched: () => Watched,
    private readonly limits: () => Limits,
    private readonly signs: (signs: Sign[], latest: Sample | null) => void,
  ) {}

  begin(leg: string): void {
    this.end()
    this.quality = new Quality()
    this.leg = leg
    this.popId = ''
    this.samples = 0
    this.timer = window.setInterval(() => void this.look(), EVERY_MS)
    void this.look()
  }

  end(keepalive = false): void {
    if (!this.timer) return
    window.clearInterval(this.timer)
    this.timer = 0
    this.signs([], null)
    this.tell(keepalive)
  }

  /** The service is back: what it has not heard yet. */
  retry(): void {
    const untold = this.untold
    this.untold = []
    for (const report of untold) this.post(report, false)
  }

  private async look(): Promise<void> {
    const { connection, leg, popId, muted } = this.watched()
    if (!connection || leg !== this.leg) return
    this.popId = popId || this.popId
    const stats = (await connection.getStats()) as unknown as Iterable<[string, Record<string, unknown>]>
    if (leg !== this.leg || !this.timer) return
    this.quality.add(sampleOf(stats, Date.now()), muted)
    this.signs(this.quality.signs(this.limits()), this.quality.latest)
    this.samples += 1
    if (this.samples % TELL_EVERY === 0) this.tell(false)
  }

  private tell(keepalive: boolean): void {
    const summary = this.quality.summary()
    if (!summary || !this.popId) return
    this.post({ ...summary, pop_id: this.popId, leg: this.leg }, keepalive)
  }

  private post(report: QualityReport, keepalive: boolean): void {
    phoneApi.quality(report, keepalive).catch(() => {
      // a later report of the same leg holds everything of an earlier one
      const others = this.untold.filter((r) => r.leg !== report.leg)
      this.untold = [...others, report].slice(-UNTOLD_MAX)
    })
  }
}
