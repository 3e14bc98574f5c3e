/** 通话控制。 */
export default {
  toolbar: '通话控制', transfer: '转接 / 咨询', choose: '选择转接或咨询对象', search: '工号、姓名或队列', searchNumber: '工号、姓名、队列或号码',
  enter: '回车 转接 · Shift+回车 咨询', back: '返回', loading: '正在加载…', nobody: '没有符合的对象', queue: '队列', number: '外线号码', outside: '外线',
  blind: '转接', consult: '咨询', noFlows: '没有启用自助语音', pending: '{name}：执行中…', failed: '{name}没有成功，请重试',
  rejoinHint: '本机没有声音或页面曾关闭：让话机重新振铃，客户听音乐等待', notes: '{agent} 的备注',
  command: {
    hold: '保持', resume: '取回', blind: '转接', consult: '咨询', complete: '完成转接', cancel: '取消咨询', swap: '切换', three: '三方通话',
    leave: '退出三方', drop: '请出第三方', ivr: '自助语音', rejoin: '重新接入', hangup: '挂机',
  },
  situation: {
    over: '通话已结束', ringing: '振铃中', talking: '通话中', held: '客户在听音乐', recall: '客户保持过久，请取回：否则转回队列', phone_held: '话机保持中，请在话机上取回', ivr: '客户在自助语音中，完成后自动回来',
    asking: '正在呼叫 {who}，客户在听音乐', consulting: '正在咨询 {who}，客户在听音乐', aside: '与客户通话，{who} 等待中', three: '与 {who} 三方通话',
    asked: '正在被咨询，客户在听音乐', lost: '话机已断开，客户在等待',
  },
  flow: { waybill: '输入运单号', survey: '满意度评价' },
  fault: {
    busy: '上一条指令还在执行，请稍候', pbx_away: '与交换机断开，指令没有发出', pbx_refused: '交换机没有执行，可能对方已经挂机', lost: '与交换机的连接中断，指令没有生效',
    no_effect: '指令在规定时间内没有生效', restarted: '服务曾重启，指令没有生效', target_failed: '对方没有接听，客户已回到本机', number_not_allowed: '不允许转到这个号码',
  },
  pressed: { title: '操作', show: '谁按了什么', none: '—', times: '{n} 次', pending: '执行中', done: '已完成', failed: '没有生效', erased: '号码已删除' },
}
