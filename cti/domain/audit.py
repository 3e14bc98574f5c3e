"""What the audit log speaks of: actions and their words; one that is not here is shown as it is written."""

from __future__ import annotations

from collections.abc import Mapping

ACTIONS: Mapping[str, str] = {
    "login": "登录",
    "login_failed": "登录失败",
    "logout": "退出",
    "view": "查看客户",
    "reveal": "显示号码",
    "listen": "听录音",
    "edit": "修改",
    "retention": "挽留步骤",
    "consent": "记录授权",
    "import": "导入",
    "export": "导出",
    "export_person": "导出个人数据",
    "erase": "删除个人数据",
    "expire": "到期清理",
    "integration_add": "新建令牌",
    "integration_revoke": "停用令牌",
    "subscription_add": "新建订阅",
    "subscription_on": "继续投递",
    "subscription_off": "暂停投递",
    "subscription_remove": "删除订阅",
    "resend": "重新投递",
    "user_add": "新建用户",
    "user_change": "修改用户",
}
