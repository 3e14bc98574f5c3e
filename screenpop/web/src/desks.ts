/**
 * The desks of the house, one row each: a new desk is a row here and a view.
 * `roles` empty means everybody who is signed in.
 */
import type { Component } from 'vue'
import type { Role } from '@/api/types'

export interface Desk {
  name: string
  path: string
  /** Key of its title in the texts. */
  title: string
  roles: Role[]
  view: () => Promise<Component>
}

export const DESKS: readonly Desk[] = [
  {
    name: 'desk',
    path: '/',
    title: 'nav.desk',
    roles: ['agent'],
    view: () => import('@/views/DeskView.vue'),
  },
  {
    name: 'customers',
    path: '/customers/:id(\\d+)?',
    title: 'nav.customers',
    roles: [],
    view: () => import('@/views/CustomersView.vue'),
  },
  {
    name: 'care',
    path: '/care/:page(complaints|problems|figures)?/:id(\\d+)?',
    title: 'care.nav',
    roles: ['agent', 'supervisor', 'qa', 'qa_lead', 'admin'],
    view: () => import('@/views/CareView.vue'),
  },
  {
    name: 'outreach',
    path: '/outreach/:page(tasks|figures)?/:id(\\d+)?',
    title: 'outreach.nav',
    roles: ['agent', 'supervisor', 'qa_lead', 'admin'],
    view: () => import('@/views/OutreachView.vue'),
  },
  {
    name: 'supervisor',
    path: '/supervisor',
    title: 'nav.supervisor',
    roles: ['supervisor', 'admin'],
    view: () => import('@/views/SupervisorView.vue'),
  },
  {
    name: 'wall',
    path: '/wall',
    title: 'floor.wall.nav',
    roles: ['supervisor', 'admin'],
    view: () => import('@/views/WallView.vue'),
  },
  {
    name: 'reports',
    path: '/reports',
    title: 'floor.report.nav',
    roles: ['supervisor', 'admin'],
    view: () => import('@/views/ReportView.vue'),
  },
  {
    name: 'value',
    path: '/value',
    title: 'value.nav',
    roles: ['supervisor', 'admin'],
    view: () => import('@/views/ValueView.vue'),
  },
  {
    name: 'qa',
    path: '/qa/:page(calls|dashboard|jobs|rules)?/:id([\\w-]+)?',
    title: 'nav.qa',
    roles: ['qa', 'qa_lead', 'supervisor', 'admin'],
    view: () => import('@/views/qa/QaView.vue'),
  },
  {
    name: 'qa-mine',
    path: '/qa/mine/:id([\\w-]+)?',
    title: 'qa.mine.nav',
    roles: ['agent'],
    view: () => import('@/views/qa/QaMineView.vue'),
  },
  {
    name: 'statistics',
    path: '/statistics',
    title: 'statistics.nav',
    roles: ['supervisor', 'qa_lead', 'admin'],
    view: () => import('@/views/StatisticsView.vue'),
  },
  {
    name: 'admin',
    path: '/admin/:page(links|events|transfer|audit|person|users)?',
    title: 'admin.nav',
    roles: ['supervisor', 'admin'],
    view: () => import('@/views/AdminView.vue'),
  },
]

export function mayUse(desk: Desk, roles: readonly Role[]): boolean {
  return desk.roles.length === 0 || desk.roles.some((role) => roles.includes(role))
}
