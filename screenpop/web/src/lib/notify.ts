/** Desktop notifications while it rings. Asking is left to a click: browsers refuse it otherwise. */
const open = new Map<string, Notification>()

export type NotifyPermission = 'granted' | 'denied' | 'default' | 'missing'

export function notifyPermission(): NotifyPermission {
  return 'Notification' in window ? Notification.permission : 'missing'
}

export async function askToNotify(): Promise<NotifyPermission> {
  if (!('Notification' in window)) return 'missing'
  return Notification.requestPermission()
}

export function notify(id: string, title: string, body: string): void {
  if (notifyPermission() !== 'granted' || open.has(id)) return
  try {
    const shown = new Notification(title, { body, tag: `laidian-${id}`, requireInteraction: true })
    shown.onclick = () => {
      window.focus()
      shown.close()
    }
    open.set(id, shown)
  } catch {
    // some systems only allow notifications from a service worker; the ring and the title still call
  }
}

export function dropNotification(id: string): void {
  open.get(id)?.close()
  open.delete(id)
}
