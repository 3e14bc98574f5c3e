/** Synthetic callers for the mock server: invented names, numbers and waybills, no real person. */
const ago = (minutes) => new Date(Date.now() - minutes * 60_000).toISOString()

export const META = {
  company: '迅达速运（合成）',
  break_reasons: ['小休', '就餐', '会议', '培训'],
  dispositions: ['查件', '催派', '投诉', '理赔', '下单', '报价', '建议', '误拨', '其它'],
  queues: [
    { name: 'hotline', label: '普通热线' },
    { name: 'vip', label: 'VIP 专席' },
    { name: 'complaint', label: '投诉理赔' },
  ],
  tiers: {
    scheme: 'sf',
    tiers: [
      { id: 'project', label: '项目客户' },
      { id: 'vip', label: 'VIP客户' },
      { id: 'mid', label: '中端客户' },
      { id: 'normal', label: '普通客户' },
      { id: 'flow', label: '流动客户' },
    ],
  },
  timezone: 'Asia/Shanghai',
  wrapup_s: 30,
  complaint_categories: ['延误', '破损', '遗失', '服务态度', '查询结果不一致', '费用', '其它'],
  demo: true,
}

const tier = (index, reason) => ({ scheme: 'sf', ...META.tiers.tiers[index], reason })

export const CUSTOMERS = [
  {
    id: 1, code: 'KH-000318', kind: 'company', name: '王建国', title: '先生', company: '石家庄恒远医药有限公司',
    address: '河北省石家庄市裕华区槐安东路 158 号', tier: tier(1, '月均收入 32,400 元，在 10,000–100,000 之间'),
    representative: '陈晓燕', green_channel: true, birthday: '1979-04-12',
    preferences: { 冷链: '药品 2–8 ℃，须保温箱', 送达时间: '工作日 9:00 前' },
    alerts: ['流失警示：28 天未发件，平常 6 天一单', '欠款 3,260 元，账期已过 4 天'], note: '',
  },
  {
    id: 2, code: 'KH-001207', kind: 'person', name: '李秀兰', title: '女士', company: '',
    address: '山东省济南市历下区泺源大街 22 号 3 单元 501', tier: tier(3, '月均收入 860 元'), representative: '',
    green_channel: false, birthday: '1990-11-02', preferences: {}, alerts: ['今天生日'], note: '',
  },
  {
    id: 3, code: 'KH-001208', kind: 'person', name: '赵志强', title: '先生', company: '',
    address: '山东省济南市历下区泺源大街 22 号 3 单元 501', tier: tier(4, '月均收入 120 元'), representative: '',
    green_channel: false, birthday: null, preferences: {}, alerts: [], note: '与 KH-001207 同住',
  },
  {
    id: 4, code: 'KH-000007', kind: 'company', name: '周敏', title: '女士', company: '华东光电科技股份有限公司',
    address: '江苏省苏州市工业园区星湖街 328 号', tier: tier(0, '月均收入 186,000 元 ≥ 100,000'), representative: '刘洋',
    green_channel: true, birthday: null, preferences: { 易碎: '木架加固' }, alerts: [], note: '',
  },
  {
    id: 5, code: 'KH-000944', kind: 'person', name: '欧阳文静', title: '女士', company: '文静手作坊',
    address: '浙江省杭州市西湖区文三路 90 号', tier: tier(2, '月均收入 4,350 元'), representative: '',
    green_channel: false, birthday: null, preferences: {}, alerts: [], note: '',
  },
]

const PLACES = { 1: '河北 石家庄', 2: '山东 济南', 3: '山东 济南', 4: '江苏 苏州', 5: '浙江 杭州' }
export const NUMBERS = { 1: '13800138000', 2: '13953100222', 3: '13953100222', 4: '051266668888', 5: '13857100944' }

export const mask = (number) =>
  number.length < 8 ? number : `${number.slice(0, 3)}****${number.slice(-4)}`

export const WAYBILLS = [
  ['LD1002003001', '派送中', 12, '石家庄', '北京朝阳', '已由派送员取出派送', ''],
  ['LD1002002877', '问题件', 190, '石家庄', '上海浦东', '到达上海浦东网点', '货物破损：外箱受潮，待寄件人确认'],
  ['LD1002002511', '已签收', 60 * 27, '石家庄', '广州天河', '已签收，签收人：前台', ''],
  ['LD1002001930', '已签收', 60 * 24 * 6, '石家庄', '天津南开', '已签收，签收人：本人', ''],
].map(([number, state, minutes, origin, destination, last_event, problem]) => ({
  number, state, updated_at: ago(minutes), origin, destination, receiver: '仓库收货', last_event, problem,
}))

export const waybillDetail = (number) => {
  const found = WAYBILLS.find((w) => w.number === number)
  if (!found) return null
  return {
    ...found,
    events: [
      { at: ago(1500), text: '已揽收', place: found.origin },
      { at: ago(1200), text: '离开转运中心', place: `${found.origin}转运中心` },
      { at: ago(420), text: '到达目的地转运中心', place: `${found.destination}转运中心` },
      { at: found.updated_at, text: found.last_event, place: found.destination },
    ],
  }
}

export const HISTORY = {
  complaints: [
    { id: 4021, opened_at: ago(60 * 22), category: '延误', state: '处理中', waybill: 'LD1002002877', due_at: ago(35), summary: '冷链药品晚到 6 小时，要求说明原因并赔付保温费用' },
    { id: 4033, opened_at: ago(190), category: '破损', state: '待核实', waybill: 'LD1002002877', due_at: ago(-95), summary: '外箱受潮，怀疑内件受损，要求拍照确认' },
  ],
  waybills: WAYBILLS,
  contacts: [
    { at: ago(190), channel: '来电', direction: 'inbound', agent: '1007', summary: '外箱受潮，已登记问题件并承诺当日回复', disposition: '投诉' },
    { at: ago(60 * 22), channel: '来电', direction: 'inbound', agent: '1012', summary: '催冷链件，已联系上海浦东网点', disposition: '催派' },
    { at: ago(60 * 24 * 9), channel: '回访', direction: 'outbound', agent: '1003', summary: '月度回访，对时效满意', disposition: '回访' },
  ],
}

export const EMPTY_HISTORY = { complaints: [], waybills: [], contacts: [] }

export const timelineOf = () => [
  { at: ago(1), kind: 'ivr', title: '菜单：查件 › 输入运单', text: '运单 LD1002003001，等待 45 秒后转人工', agent: '', ref: '' },
  { at: ago(190), kind: 'call', title: '来电 · 投诉', text: '外箱受潮，已登记问题件并承诺当日回复', agent: '1007', ref: '' },
  { at: ago(191), kind: 'complaint', title: '破损 · 待核实', text: '外箱受潮，怀疑内件受损，要求拍照确认', agent: '1007', ref: '4033' },
  { at: ago(60 * 22), kind: 'call', title: '来电 · 催派', text: '催冷链件，已联系上海浦东网点', agent: '1012', ref: '' },
  { at: ago(60 * 22 + 4), kind: 'complaint', title: '延误 · 处理中', text: '冷链药品晚到 6 小时，要求说明原因并赔付保温费用', agent: '1012', ref: '4021' },
  { at: ago(60 * 27), kind: 'waybill', title: 'LD1002002511 · 已签收', text: '已签收，签收人：前台', agent: '', ref: 'LD1002002511' },
  { at: ago(60 * 24 * 6), kind: 'waybill', title: 'LD1002001930 · 已签收', text: '已签收，签收人：本人', agent: '', ref: 'LD1002001930' },
  { at: ago(60 * 24 * 9), kind: 'visit', title: '回访 · 月度', text: '对时效满意，希望早班车提前半小时', agent: '1003', ref: '' },
  { at: ago(60 * 24 * 16), kind: 'note', title: '备注', text: '冷链件一律走绿色通道，联系人周末手机不通时打座机', agent: '1003', ref: '' },
]

export const placeOf = (id) => PLACES[id] ?? ''
