/** 系统管理。 */
export default {
  nav: '系统管理',
  title: '系统管理',
  failed: '数据没有加载出来',
  never: '从未',
  close: '关闭',
  cancel: '取消',
  copy: '复制',
  copied: '已复制',
  once: '只显示这一次，请现在保存。关闭后无法再查看。',
  tab: { label: '系统管理', links: '对接令牌', events: '事件订阅', transfer: '导入导出', audit: '审计', person: '个人数据', users: '用户' },
  links: {
    intro: 'TMS、WMS 等系统凭令牌推送运单与订单、查询、拉取事件。接口文档：/api/v1/openapi.json',
    add: '新建令牌', name: '系统名称', scopes: '权限', days: '有效天数', daysHint: '不填为长期', signed: '推送必须带签名', make: '生成令牌',
    token: '令牌', secret: '签名密钥', revoke: '停用', revokeAsk: '停用后 {name} 立即不能再访问。', revoked: '已停用', expired: '已过期', alive: '有效', used: '最近使用', rate: '{n} 次/分钟', expires: '到期', forever: '长期', by: '{who} 建', empty: '还没有对接系统', emptyText: '新建一个令牌，交给对方系统的工程师。',
  },
  events: {
    intro: '这里发生的事以签名的 POST 送到对方地址：至少一次、同一对象按顺序；对方无应答时逐步拉长间隔重试，多次失败进入死信。',
    add: '新建订阅', name: '名称', url: '地址', kinds: '事件', all: '全部事件', make: '订阅', secret: '签名密钥',
    state: { on: '投递中', off: '已暂停', away: '收方无应答' }, counts: '等待 {waiting} · 已送 {sent}', dead: '死信 {n}', off: '暂停', on: '继续', remove: '删除', removeAsk: '删除 {name} 和等待它的投递？', resendAll: '重投死信', last: '最近送达', again: '{time}再试', empty: '还没有订阅', emptyText: '填写对方地址；只有管理员可以设置。',
    deliveries: '投递记录', filter: { all: '全部', waiting: '等待', sent: '已送达', dead: '死信' }, tries: '{n} 次', resend: '重投', resent: '{n} 条重新投递', none: '没有投递记录',
    col: { seq: '编号', kind: '事件', subject: '对象', to: '订阅', state: '状态', at: '发生', error: '原因' },
  },
  transfer: {
    import: '导入', export: '导出', kind: '内容', file: '选择文件', hint: 'CSV 或 XLSX，中文列名。先检查，没有坏行再写入；有坏行就一行都不写。', check: '检查', write: '写入', writing: '正在写入…', checking: '正在检查…', progress: '{step} {n}',
    kinds: { customers: '客户', waybills: '运单', orders: '订单', payments: '付款', complaints: '投诉' },
    ok: '检查通过：{rows} 条，可以写入', done: '已写入：新增 {created}，更新 {changed}，未变 {unchanged}', same: '此文件 {time}导入过，没有更改', refused: '{bad} 行有误，没有写入任何数据', tiers: '等级变更 {n} 位客户', line: '第 {n} 行', warnings: '注意', failed: '没有导入',
    exportHint: '列名与导入相同，导出再导入什么都不变（投诉只导出）。每次导出都记入审计，文件含完整号码。', xlsx: '导出 Excel', csv: '导出 CSV', exporting: '正在导出…', exported: '已导出', history: '导入记录', none: '还没有导入过',
    col: { at: '时间', kind: '内容', file: '文件', who: '谁', rows: '条数', result: '结果' }, counts: '新增 {created} · 更新 {changed} · 未变 {unchanged}',
  },
  audit: {
    who: '谁', action: '操作', anyAction: '全部操作', subject: '对象，如 customer:12', since: '从', until: '到', export: '导出 Excel', more: '更早的', empty: '没有符合的记录', emptyText: '换一个条件再看。', intro: '只增不改；号码已脱敏。',
    col: { at: '时间', who: '谁', action: '操作', subject: '对象', detail: '详情', remote: '来自' }, changed: '{field}：{old} → {new}', none: '（空）',
    key: { rows: '行数', file: '文件', created: '新增', changed: '更新', name: '名称', scopes: '权限', deliveries: '投递', kinds: '事件', url: '地址', signed: '签名', source: '来源', masked: '号码', pop: '弹屏', step: '步骤', preferences: '偏好', roles: '角色' },
  },
  person: {
    intro: '查出一个人的全部数据，导出，或删除。删除后统计保留、不含此人；录音与转写从磁盘删除；不能恢复。', who: '客户编号、#id 或号码', find: '查找', nobody: '没有这个人', found: '{name}', number: '未登记客户的号码', rows: '{label} {n}', export: '导出 JSON', erase: '删除…', confirm: '输入“删除”确认', sure: '确认删除', erased: '已删除', word: '删除', none: '没有任何数据',
  },
  users: { intro: '用户由 laidian user add|passwd|disable 维护。', disabled: '已停用', col: { username: '用户名', name: '姓名', roles: '角色', agent: '工号', team: '班组' }, empty: '没有用户' },
  role: { agent: '座席', supervisor: '班长', qa: '质检员', qa_lead: '质检主管', inspector: '质检员', admin: '管理员' },
  consent: { title: '授权', unsaid: '未表示', given: '同意', refused: '拒绝', give: '记为同意', refuse: '记为拒绝', source: '来源', word: '{who} · {source}', saved: '已记录', failed: '授权没有加载出来' },
}
