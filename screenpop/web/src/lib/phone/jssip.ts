/** Types that JsSIP has and does not export by name. */
import type { UA } from 'jssip'

export type RTCSession = ReturnType<UA['call']>

export interface IncomingRTCSessionEvent {
  originator: 'local' | 'remote' | 'system'
  session: RTCSession
  request: { from: { display_name: string | null; uri: { user: string | null } } }
}
