/** The tabs of one agent: the leading one has the phone, the others show it and press its keys. */

export interface Press {
  do: 'answer' | 'decline' | 'mute' | 'dtmf'
  /** Of `dtmf`. */
  key?: string
}

type Said<T> = { show: T } | { press: Press } | { ask: true }

export class Mirror<T> {
  private readonly channel: BroadcastChannel
  private shown: T | null = null

  constructor(name: string, hooks: { show(state: T): void; press(press: Press): void }) {
    this.channel = new BroadcastChannel(name)
    this.channel.onmessage = ({ data }: MessageEvent<Said<T>>) => {
      if ('show' in data) hooks.show(data.show)
      else if ('press' in data) hooks.press(data.press)
      else if (this.shown) this.channel.postMessage({ show: this.shown })
    }
    this.channel.postMessage({ ask: true })
  }

  /** The leading tab tells how its phone is; null: this tab does not lead. */
  show(state: T | null): void {
    this.shown = state
    if (state) this.channel.postMessage({ show: state })
  }

  press(press: Press): void {
    this.channel.postMessage({ press })
  }

  close(): void {
    this.channel.close()
  }
}
